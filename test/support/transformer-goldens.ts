import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageRequest, Size } from '../../src/contract/index.ts'
import { fixturePath } from './fixtures.ts'
import { type NpyArray, readNpy } from './read-npy.ts'

/** A run of a transformer pipeline that diffusers recorded. */
export interface TransformerCase {
  name: string
  folder: string
  pipeline: string
  request: ImageRequest
}

interface CaseFile {
  pipeline: string
  params: Record<string, unknown>
  seed: number
  images: Record<string, string | string[]>
  scheduler?: { class: string }
  scheduler_config_override?: Record<string, unknown>
}

/** Every recorded case of a model. */
export function readTransformerCases(model: string): TransformerCase[] {
  const root = fixturePath(`dit/${model}/cases`)
  return readdirSync(root)
    .sort()
    .map((name) => readCase(name, join(root, name)))
}

function readCase(name: string, folder: string): TransformerCase {
  const file = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as CaseFile
  return { name, folder, pipeline: file.pipeline, request: toRequest(file, folder) }
}

/** One recorded array of a case. */
export function readArray({ folder }: TransformerCase, name: string): NpyArray {
  return readNpy(join(folder, `${name}.npy`))
}

function toRequest({ params, seed, images, ...file }: CaseFile, folder: string): ImageRequest {
  const number = (key: string) => params[key] as number | undefined
  const text = (key: string) => params[key] as string | undefined
  return {
    prompt: String(params['prompt']),
    negativePrompt: text('negative_prompt'),
    numImages: 1,
    seeds: [seed],
    size: sizeOf(params, file.pipeline),
    numInferenceSteps: number('num_inference_steps'),
    guidanceScale: number('guidance_scale'),
    trueCfgScale: number('true_cfg_scale'),
    edit: toEdit(images, folder, number('strength')),
    diffusion: {
      saveLatents: true,
      scheduler: file.scheduler?.class,
      schedulerConfig: toOverrides(file.scheduler_config_override, number('mu')),
      prompt2: text('prompt_2'),
      prompt3: text('prompt_3'),
      negativePrompt2: text('negative_prompt_2'),
      negativePrompt3: text('negative_prompt_3'),
      maxSequenceLength: number('max_sequence_length'),
      cfgNormalization: number('cfg_normalization'),
      cfgTruncation: number('cfg_truncation'),
      promptInstruction: params['complex_human_instruction'] === null ? '' : undefined,
      resolutionBinning: params['use_resolution_binning'] as boolean | undefined,
      dataType: number('data_type'),
      numFrames: number('num_frames'),
      resizeReferences: params['_auto_resize'] as boolean | undefined,
    },
  }
}

/** A shift that is told is a line without slope. */
function toOverrides(overrides: Record<string, unknown> | undefined, mu: number | undefined) {
  return mu === undefined ? overrides : { ...overrides, base_shift: mu, max_shift: mu }
}

function toEdit(images: CaseFile['images'], folder: string, strength: number | undefined): ImageRequest['edit'] {
  const { image, mask_image: mask } = images
  if (image === undefined) return undefined
  return {
    images: [image].flat().map((name) => readFileSync(join(folder, name))),
    mask: typeof mask === 'string' ? readFileSync(join(folder, mask)) : undefined,
    strength,
  }
}

/** FLUX pipelines of diffusers cut sizes down to whole tokens; Kontext scales the size asked for to an area. */
function sizeOf({ width, height, max_area: area }: Record<string, unknown>, pipeline: string): Size | undefined {
  if (typeof width !== 'number' || typeof height !== 'number') return undefined
  if (!pipeline.startsWith('Flux')) return { width, height }
  const cut = (side: number) => Math.floor(side / 16) * 16
  if (typeof area !== 'number') return { width: cut(width), height: cut(height) }
  const ratio = width / height
  return { width: cut(Math.round(Math.sqrt(area * ratio))), height: cut(Math.round(Math.sqrt(area / ratio))) }
}
