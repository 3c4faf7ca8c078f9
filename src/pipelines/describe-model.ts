import type { BackendCapabilities } from '../contract/index.ts'
import { filmRule } from './folder/films.ts'
import { inspectModel, type ModelFacts } from './folder/inspect-model.ts'
import { whyNoIpAdapter } from './ip-adapter/assert-ip-adapter.ts'
import type { ModelDescription, StoredPrecision } from './pipeline.ts'
import { canRead } from './unidiffuser/picture-reader.ts'

/** Reads what a model folder holds and can do, without ONNX Runtime and without loading weights. Rejects with one sentence when it cannot be used. */
export async function describeModel(folder: string, modelType?: string, dtype?: StoredPrecision): Promise<ModelDescription> {
  return describeFacts(await inspectModel(folder, { modelType, dtype }))
}

/** The description of a model that was inspected. */
export function describeFacts(facts: ModelFacts): ModelDescription {
  return {
    folder: facts.folder.root,
    family: facts.family,
    components: facts.components,
    capabilities: capabilitiesOf(facts),
    readsPictures: canRead(facts),
    noIpAdapter: whyNoIpAdapter(facts),
    looksAtReferences: facts.traits.references !== undefined,
    defaults: facts.defaults,
    scheduler: String(facts.schedulerConfig['_class_name'] ?? facts.traits.scheduler['_class_name']),
    schedulerConfig: facts.schedulerConfig,
    memoryBytes: facts.memoryBytes,
    warnings: facts.warnings,
  }
}

const IMAGES_PER_CALL = 16

function capabilitiesOf(facts: ModelFacts): BackendCapabilities {
  const { family, traits, signatures, sizes } = facts
  const edit = traits.edit && signatures.has('vae_encoder')
  return {
    generate: traits.generate,
    edit,
    mask: edit && traits.mask,
    negativePrompt: true,
    seed: true,
    guidanceScale: true,
    numInferenceSteps: true,
    diffusion: true,
    embeddingWidths: readEmbeddingWidths(facts),
    maxImagesPerCall: IMAGES_PER_CALL,
    maxInputImages: traits.references?.most ?? 1,
    sizes,
    video: filmRule(family, signatures),
    concurrency: 1,
    paid: false,
  }
}

/** Of the CLIP encoders, as far as their configurations tell. */
function readEmbeddingWidths({ folder, signatures, traits }: ModelFacts): BackendCapabilities['embeddingWidths'] {
  const names = (['text_encoder', 'text_encoder_2'] as const).filter(
    (name) => signatures.has(name) && (traits.encoders?.[name] ?? 'clip') === 'clip',
  )
  const widths = names.map((name) => [name, folder.configs.get(name)?.['hidden_size']] as const)
  return widths.every(([, width]) => typeof width === 'number') ? Object.fromEntries(widths) : undefined
}
