import { DiffgentorError } from '../../errors.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { PipelineFamily } from '../pipeline.ts'
import { findInput, fixedDimension } from './denoiser-inputs.ts'

export interface TransformerFacts {
  /** The model folder, for messages. */
  path: string
  transformer: GraphSignature
  /** `_class_name` of `model_index.json`. */
  className: unknown
  /** The family that the user named. */
  asked: PipelineFamily | undefined
}

/** Pipeline classes by the words that their names begin with, longer ones first. */
const CLASS_FAMILIES: readonly (readonly [prefix: string, family: PipelineFamily])[] = [
  ['StableDiffusion3', 'stable-diffusion-3'],
  ['Flux2Klein', 'flux2-klein'],
  ['FluxKontext', 'flux-kontext'],
  ['FluxFill', 'flux-fill'],
  ['FluxPipeline', 'flux'],
  ['FluxImg2Img', 'flux'],
  ['FluxInpaint', 'flux'],
  ['ZImage', 'z-image'],
  ['QwenImageEditPlus', 'qwen-image-edit-plus'],
  ['QwenImageEdit', 'qwen-image-edit'],
  ['QwenImage', 'qwen-image'],
  ['Sana', 'sana'],
  ['PixArt', 'pixart'],
  ['Wan', 'wan'],
]

/** Families whose graphs are alike, so that only a word can tell them apart. */
const LOOKALIKES: readonly (readonly PipelineFamily[])[] = [
  ['flux', 'flux-kontext'],
  ['qwen-image', 'qwen-image-edit', 'qwen-image-edit-plus'],
]

/** Latents, masked latents and mask of FLUX.1 Fill, side by side in a token. */
const FILL_WIDTH = 384

/** Tells a transformer's family: by what it takes in, and where families look alike by the user's word or the pipeline's class. */
export function detectTransformerFamily({ path, transformer, className, asked }: TransformerFacts): PipelineFamily {
  const told = familyOfClass(className)
  const seen = familyOfInputs(transformer) ?? asked ?? told
  if (!seen) {
    const name = typeof className === 'string' ? className : 'a transformer pipeline that diffgentor cannot tell'
    throw new DiffgentorError(
      'unsupported',
      `The model in ${path} is ${name}, which the local engine does not know; name its family with --model_type if it has another name.`,
    )
  }
  const alike = LOOKALIKES.find((families) => families.includes(seen)) ?? []
  return [asked, told].find((family) => family !== undefined && alike.includes(family)) ?? seen
}

function familyOfClass(className: unknown): PipelineFamily | undefined {
  if (typeof className !== 'string') return undefined
  return CLASS_FAMILIES.find(([prefix]) => className.startsWith(prefix))?.[1]
}

function familyOfInputs(transformer: GraphSignature): PipelineFamily | undefined {
  const has = (role: 'imageIds' | 'textIds' | 'textMask' | 'pooled' | 'guidance') => findInput(transformer, role) !== undefined
  if (!has('imageIds') || !has('textIds')) return has('pooled') ? 'stable-diffusion-3' : familyWithoutPlaces(transformer)
  const columns = findInput(transformer, 'imageIds')!.dims.at(-1)
  if (columns === 4) return has('guidance') ? undefined : 'flux2-klein'
  if (has('textMask')) return 'qwen-image'
  if (!has('pooled')) return undefined
  return fixedDimension(transformer, 'latents', 2) === FILL_WIDTH ? 'flux-fill' : 'flux'
}

/** Families that are told neither places of tokens nor a pooled text. */
function familyWithoutPlaces(transformer: GraphSignature): PipelineFamily | undefined {
  const latents = findInput(transformer, 'latents')?.dims ?? []
  if (latents.length === 5) return 'wan'
  if (latents.length !== 4) return undefined
  if (!findInput(transformer, 'textMask')) return 'z-image'
  // PixArt learned its variance, so it gives twice the channels that it takes.
  const given = transformer.outputs[0]?.dims[1]
  return typeof latents[1] === 'number' && given === 2 * latents[1] ? 'pixart' : 'sana'
}
