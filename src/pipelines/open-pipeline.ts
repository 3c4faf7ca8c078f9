import { providersByName, providersForDevice, type SessionOptions } from '../onnx-runtime/index.ts'
import { AdapterPlanner } from './adapters/adapter-planner.ts'
import { withFusedAttention } from './adapters/graph-changes.ts'
import { DiffusionPipeline } from './diffusion-pipeline.ts'
import { inspectModel } from './folder/inspect-model.ts'
import { GraphStore } from './graphs/graph-store.ts'
import type { Pipeline, PipelineOptions } from './pipeline.ts'
import { PromptEncoder } from './prompts/prompt-encoder.ts'
import { Vae } from './vae.ts'

/** Opens a model folder. Checks it at once; graphs load at first use, and ONNX Runtime not before that. */
export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const session = toSessionOptions(options)
  const isCpu = session.executionProviders?.[0]?.name === 'cpu'
  const { folder, modelType, dtype } = options
  const facts = await inspectModel(folder, { modelType, dtype, device: isCpu ? 'cpu' : 'gpu' })
  const store = new GraphStore({
    session,
    offload: options.cpuOffload ?? false,
    resolve: isCpu ? async (file, session) => ({ source: await withFusedAttention(file), session }) : undefined,
  })
  const vae = new Vae({
    config: facts.vae,
    store,
    decoder: facts.signatures.get('vae_decoder')!,
    encoder: facts.signatures.get('vae_encoder'),
  })
  const adapters = new AdapterPlanner({ graphs: facts.folder.graphs, cacheFolder: options.cacheFolder, fusesAttention: isCpu })
  return new DiffusionPipeline({ facts, store, vae, adapters, prompts: new PromptEncoder(facts, store) })
}

function toSessionOptions(options: PipelineOptions): SessionOptions {
  const { device, executionProviders, intraOpThreads, interOpThreads, allowSpinning } = options
  return {
    executionProviders: executionProviders?.length ? providersByName(executionProviders) : providersForDevice(device),
    intraOpThreads,
    interOpThreads,
    allowSpinning,
  }
}
