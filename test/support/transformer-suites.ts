import { toDenoiserScale, toTokenOrder } from './latents-of-decoder.ts'
import type { NpyArray } from './read-npy.ts'
import { readArray, type TransformerCase } from './transformer-goldens.ts'

/** Recorded cases of one transformer model, and how they are held against ours. */
export interface TransformerSuite {
  model: string
  modelType?: string
  cases?: (golden: TransformerCase) => boolean
  /** What diffusers recorded at the end, where it is not the last output of the scheduler. */
  finalLatents?: (golden: TransformerCase) => NpyArray
  /** diffusers decodes this case wrongly, so that only latents can be held against it. */
  latentsOnly?: (golden: TransformerCase) => boolean
}

const isInpainting = ({ pipeline }: TransformerCase) => pipeline.includes('Inpaint')
const isKontext = ({ pipeline }: TransformerCase) => pipeline === 'FluxKontextPipeline'
const readsOnePicture = ({ pipeline }: TransformerCase) => pipeline === 'QwenImageEditPipeline'

/** Masked runs end with a blend behind the scheduler's last output; what was decoded has it. */
function blendedTokens(golden: TransformerCase): NpyArray {
  if (!isInpainting(golden)) return readArray(golden, 'final_latents')
  return toTokenOrder(toDenoiserScale(readArray(golden, 'vae_decode_in'), { scaling: 0.3611, shift: 0.1159 }))
}

/** The same for SD3, whose masked latents diffusers decodes without the shift: their pictures are wrong. */
function blendedLatents(golden: TransformerCase): NpyArray {
  if (!isInpainting(golden)) return readArray(golden, 'final_latents')
  return toDenoiserScale(readArray(golden, 'vae_decode_in'), { scaling: 1.5305, shift: 0 })
}

export const SD3_SUITES: readonly TransformerSuite[] = [
  { model: 'sd3', finalLatents: blendedLatents, latentsOnly: isInpainting },
  { model: 'sd35_no_t5', finalLatents: blendedLatents, latentsOnly: isInpainting },
]

export const FLUX_SUITES: readonly TransformerSuite[] = [
  { model: 'flux_schnell' },
  { model: 'flux_dev', cases: (golden) => !isKontext(golden), finalLatents: blendedTokens },
  { model: 'flux_dev', modelType: 'flux-kontext', cases: isKontext },
  { model: 'flux_fill' },
]

export const FLUX2_SUITES: readonly TransformerSuite[] = [{ model: 'flux2_klein' }]

export const QWEN_SUITES: readonly TransformerSuite[] = [
  { model: 'qwen_image' },
  { model: 'qwen_image_edit', cases: (golden) => !readsOnePicture(golden) },
  { model: 'qwen_image_edit', modelType: 'qwen-image-edit', cases: readsOnePicture },
  { model: 'qwen_image_edit_zero_t' },
]

export const FURTHER_SUITES: readonly TransformerSuite[] = [
  { model: 'z_image' },
  { model: 'sana' },
  { model: 'pixart_sigma' },
  { model: 'pixart_alpha' },
  { model: 'unidiffuser', cases: ({ name }) => name.startsWith('prompt2img') },
]
