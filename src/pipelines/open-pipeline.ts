import { providersByName, providersForDevice, type SessionOptions } from '../onnx-runtime/index.ts'
import { openCache } from './cache-folders.ts'
import { DiffusionPipeline } from './diffusion-pipeline.ts'
import { GraphStore } from './graphs/graph-store.ts'
import { openOnCpu } from './graphs/open-on-cpu.ts'
import { openModel } from './open-model.ts'
import type { Pipeline, PipelineOptions } from './pipeline.ts'
import { EmbeddingFiles } from './prompts/embedding-files.ts'
import { SafetyChecker } from './safety/safety-checker.ts'

/** Opens a model folder. Checks it at once; graphs load at first use, and ONNX Runtime not before that. */
export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { modelType, dtype, cacheFolder, embeddingFolder, vaeTiling = false, cpuOffload = false } = options
  const cache = openCache(options)
  const embeddingFiles = embeddingFolder === undefined ? undefined : new EmbeddingFiles(embeddingFolder, cache)
  const session = toSessionOptions(options)
  const isCpu = session.executionProviders?.[0]?.name === 'cpu'
  const store = new GraphStore({
    session,
    offload: cpuOffload,
    openStored: isCpu ? openOnCpu({ ...options, cache }) : undefined,
  })
  const shared = { dtype, device: isCpu ? 'cpu' : 'gpu', store, cacheFolder, cache, vaeTiling, embeddingFiles } as const
  const open = (folder: string, type?: string) => openModel({ folder, modelType: type, ...shared })
  const safetyChecker = options.safetyChecker && new SafetyChecker(options.safetyChecker, store)
  const openFurther = (further: string) => open(further)
  return new DiffusionPipeline(await open(options.folder, modelType), { openFurther, vaeTiling, safetyChecker })
}

function toSessionOptions(options: PipelineOptions): SessionOptions {
  const { device, executionProviders, intraOpThreads, interOpThreads, allowSpinning, mapWeights } = options
  return {
    executionProviders: executionProviders?.length ? providersByName(executionProviders) : providersForDevice(device),
    intraOpThreads,
    interOpThreads,
    allowSpinning,
    mapWeights,
  }
}
