import type { DiskCache } from '../disk-cache/disk-cache.ts'
import { AdapterPlanner } from './adapters/adapter-planner.ts'
import { type InspectOptions, inspectModel } from './folder/inspect-model.ts'
import type { GraphStore } from './graphs/graph-store.ts'
import { ImagePromptEncoder } from './ip-adapter/image-prompt-encoder.ts'
import type { OpenModel } from './job.ts'
import type { EmbeddingFiles } from './prompts/embedding-files.ts'
import { PromptEncoder } from './prompts/prompt-encoder.ts'
import { SequenceEncoder } from './prompts/sequence-encoder.ts'
import { Vae } from './vae.ts'

export interface OpenModelOptions extends InspectOptions {
  folder: string
  store: GraphStore
  /** Where merged weights are kept. */
  cacheFolder?: string | undefined
  /** What `cacheFolder` belongs to. */
  cache?: DiskCache | undefined
  vaeTiling?: boolean | undefined
  /** Where encodings of prompts are kept. */
  embeddingFiles?: EmbeddingFiles | undefined
}

/** Checks a model folder and puts its parts together; nothing is loaded yet. */
export async function openModel(options: OpenModelOptions): Promise<OpenModel> {
  const { folder, store, cacheFolder, cache, vaeTiling, embeddingFiles, ...inspect } = options
  const facts = await inspectModel(folder, inspect)
  const { signatures } = facts
  return {
    facts,
    store,
    prompts: new PromptEncoder(facts, store, embeddingFiles),
    sequences: new SequenceEncoder(facts, store, embeddingFiles),
    imagePrompts: new ImagePromptEncoder(facts, store),
    vae: new Vae({
      config: facts.vae,
      store,
      decoder: signatures.get('vae_decoder')!,
      encoder: signatures.get('vae_encoder'),
      tiling: vaeTiling ?? false,
    }),
    adapters: new AdapterPlanner({ graphs: facts.folder.graphs, cacheFolder, cache, fusesAttention: inspect.device !== 'gpu' }),
  }
}
