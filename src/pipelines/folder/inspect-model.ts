import { relative } from 'node:path'
import type { ImageWarning, Size, SizeRule } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import { parseSchedulerConfig } from '../../schedulers/scheduler-config.ts'
import type { ModelComponent, ModelDefaults, PipelineFamily, StoredPrecision } from '../pipeline.ts'
import { assertPrecision } from './assert-precision.ts'
import { assertTokenizers } from './assert-tokenizers.ts'
import { fixedDimension } from './denoiser-inputs.ts'
import { detectFamily, parseFamily } from './detect-family.ts'
import { detectTransformerFamily } from './detect-transformer-family.ts'
import { adjustTraits } from './distilled-traits.ts'
import { FAMILY_TRAITS, type FamilyTraits } from './family-traits.ts'
import type { ComponentName } from './graph-files.ts'
import { readDefaults } from './model-defaults.ts'
import { type ModelFolder, readModelFolder } from './model-folder.ts'
import { readCheckedGraph } from './read-signature.ts'
import { readSampleSize } from './sample-size.ts'
import { makeSizeRule } from './size-rule.ts'
import { readVaeConfig, type VaeConfig } from './vae-config.ts'
import { memoryOf, weightBytes } from './weight-sizes.ts'

/** Everything about a model that can be known without its weights. */
export interface ModelFacts {
  folder: ModelFolder
  family: PipelineFamily
  traits: FamilyTraits
  signatures: ReadonlyMap<ComponentName, GraphSignature>
  components: ModelComponent[]
  vae: VaeConfig
  sizes: SizeRule
  defaults: ModelDefaults
  /** The model's own scheduler configuration, or the family's. */
  schedulerConfig: Readonly<Record<string, unknown>>
  /** Bytes that the weights take once loaded on a CPU, which expands half precision. */
  memoryBytes: number
  warnings: ImageWarning[]
}

export interface InspectOptions {
  modelType?: string | undefined
  dtype?: StoredPrecision | undefined
  device?: 'cpu' | 'gpu' | undefined
}

/** Reads a model folder and checks that it is whole, safe to load and of a known family. */
export async function inspectModel(path: string, options: InspectOptions = {}): Promise<ModelFacts> {
  const folder = await readModelFolder(path, options.dtype)
  const signatures = new Map<ComponentName, GraphSignature>()
  const components: ModelComponent[] = []
  for (const [name, file] of folder.graphs) {
    const { signature, files } = await readCheckedGraph(file, options.device)
    signatures.set(name, signature)
    components.push({
      name,
      files: files.map((path) => relative(folder.root, path)),
      weightBytes: weightBytes(signature),
      memoryBytes: memoryOf(signature),
    })
  }
  const unet = signatures.get('unet')
  const transformer = signatures.get('transformer')
  const denoiser = unet ?? transformer
  if (!denoiser) throw explainNoDenoiser(path, folder)
  if (options.dtype) await assertPrecision(options.dtype, folder.root, denoiser)
  const warnings: ImageWarning[] = []
  const latentChannels = findLatentChannels(folder, signatures)
  const asked = options.modelType === undefined ? undefined : parseFamily(options.modelType)
  const family = unet
    ? detectFamily(unet, latentChannels)
    : detectTransformerFamily({ path, transformer: transformer!, className: folder.index['_class_name'], asked })
  const traits = adjustTraits(family, FAMILY_TRAITS[family], { denoiser, index: folder.index, root: folder.root })
  assertComplete(path, signatures, traits)
  await assertTokenizers(path, folder)
  if (options.modelType) warnings.push(...compareFamilies(options.modelType, family))
  const schedulerConfig = folder.schedulerConfig ? parseSchedulerConfig(folder.schedulerConfig) : traits.scheduler
  if (!folder.schedulerConfig) warnings.push(missingScheduler(traits))
  warnings.push(...missingOptionalParts(folder))
  const vae = readVaeConfig(folder, traits, latentChannels)
  const sizes = makeSizeRule({
    vaeScaleFactor: vae.scaleFactor,
    multiple: unet ? 2 ** (countLevels(folder) - 1) : (traits.tokenSide ?? 1),
    fixed: unet ? { height: fixedDimension(unet, 'latents', 2), width: fixedDimension(unet, 'latents', 3) } : undefined,
    most: countPositions(folder, traits),
    default: preferredSize(folder, vae, { family, usual: traits.usualSize ?? { width: traits.side, height: traits.side } }),
  })
  return {
    folder,
    family,
    traits,
    signatures,
    components,
    vae,
    sizes,
    schedulerConfig,
    defaults: readDefaults(folder, traits, schedulerConfig, sizes),
    memoryBytes: components.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    warnings,
  }
}

function explainNoDenoiser(path: string, { graphs }: ModelFolder): DiffgentorError {
  const held = [...graphs.keys()].join(', ')
  return new DiffgentorError(
    'model_unreadable',
    `The model in ${path} has neither a unet nor a transformer graph; it holds ${held}. Download or export it again.`,
  )
}

function assertComplete(
  path: string,
  signatures: ReadonlyMap<ComponentName, GraphSignature>,
  { components }: FamilyTraits,
): void {
  const missing = components.find((name) => !signatures.has(name))
  if (missing) {
    throw new DiffgentorError(
      'model_unreadable',
      `The model in ${path} lacks the component ${missing} (${missing}/model.onnx); download or export it again.`,
    )
  }
}

function compareFamilies(word: string, family: PipelineFamily): ImageWarning[] {
  const asked = parseFamily(word)
  if (asked === family) return []
  return [
    { kind: 'ignored', field: 'model_type', detail: `The graphs are those of ${family}, so the model type ${word} is not used.` },
  ]
}

/** SD3 draws without its T5, but the picture is another one. */
function missingOptionalParts({ index, graphs }: ModelFolder): ImageWarning[] {
  const told = index['text_encoder_3']
  if (graphs.has('text_encoder_3') || !Array.isArray(told) || told[0] === null) return []
  const detail = 'The model names a third text encoder (text_encoder_3) that its folder lacks; prompts are read without it.'
  return [{ kind: 'adjusted', field: 'prompt', detail }]
}

function missingScheduler({ scheduler }: FamilyTraits): ImageWarning {
  const name = String(scheduler['_class_name'])
  return { kind: 'adjusted', field: 'scheduler', detail: `The model has no scheduler configuration; ${name} is used.` }
}

function findLatentChannels({ configs }: ModelFolder, signatures: ReadonlyMap<ComponentName, GraphSignature>): number {
  const decoder = signatures.get('vae_decoder')?.inputs[0]?.dims[1]
  const told = [decoder, configs.get('vae_decoder')?.['latent_channels'], configs.get('unet')?.['out_channels']]
  return told.find((channels) => typeof channels === 'number') ?? 4
}

function countLevels({ configs }: ModelFolder): number {
  const blocks = configs.get('unet')?.['block_out_channels']
  return Array.isArray(blocks) ? blocks.length : 1
}

/** Latents on a side that SD3 and models like it have a table of positions for. */
function countPositions({ configs }: ModelFolder, { tokenSide = 1 }: FamilyTraits): number | undefined {
  const tokens = configs.get('transformer')?.['pos_embed_max_size']
  return typeof tokens === 'number' ? tokens * tokenSide : undefined
}

function preferredSize(folder: ModelFolder, vae: VaeConfig, { family, usual }: { family: PipelineFamily; usual: Size }) {
  const { generationConfig } = folder
  const [height, width] = readSampleSize(folder, family)
  const pick = (told: unknown, latents: unknown, otherwise: number) => {
    if (typeof told === 'number') return told
    return typeof latents === 'number' ? latents * vae.scaleFactor : otherwise
  }
  return {
    width: pick(generationConfig['width'], width, usual.width),
    height: pick(generationConfig['height'], height, usual.height),
  }
}
