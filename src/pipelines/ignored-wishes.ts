import type { ImageRequest, ImageWarning } from '../contract/index.ts'
import type { DrawingMode } from './job.ts'
import type { PipelineFamily } from './pipeline.ts'

const UNET_FAMILIES: readonly PipelineFamily[] = [
  'stable-diffusion',
  'stable-diffusion-inpaint',
  'stable-diffusion-xl',
  'stable-diffusion-xl-refiner',
  'stable-diffusion-xl-inpaint',
  'latent-consistency',
  'instruct-pix2pix',
  'latent-upscale',
]

type Wish = readonly [field: string, given: unknown, isHonored: boolean, why: string]

/** Says which wishes of a request mean nothing to a family. */
export function listIgnoredWishes(family: PipelineFamily, mode: DrawingMode, request: ImageRequest): ImageWarning[] {
  return [...listTextWishes(family, request), ...listDrawingWishes(family, mode, request), ...listFamilyWishes(family, request)]
    .filter(([, given, isHonored]) => given !== undefined && !isHonored)
    .map(([field, , , why]) => ({ kind: 'ignored', field, detail: `${field} is not used: ${why}.` }))
}

function listTextWishes(family: PipelineFamily, request: ImageRequest): Wish[] {
  const { diffusion = {}, negativePrompt, trueCfgScale = 1 } = request
  const isUnet = UNET_FAMILIES.includes(family)
  const isFlux = isFlux1(family)
  const isSd3 = family === 'stable-diffusion-3'
  const several = 'only models with several text encoders know it'
  const syntax = diffusion.promptSyntax === 'none' ? undefined : diffusion.promptSyntax
  return [
    ['prompt_2', diffusion.prompt2, family.startsWith('stable-diffusion-xl') || isSd3 || isFlux, several],
    ['prompt_3', diffusion.prompt3, isSd3, 'only Stable Diffusion 3 models know it'],
    ['negative_prompt_2', diffusion.negativePrompt2, family.startsWith('stable-diffusion-xl') || isSd3 || isFlux, several],
    ['negative_prompt_3', diffusion.negativePrompt3, isSd3, 'only Stable Diffusion 3 models know it'],
    ['negative_prompt', negativePrompt || undefined, !isFlux || trueCfgScale > 1, 'FLUX.1 needs a true_cfg_scale above 1 for it'],
    [
      'negative_prompt',
      negativePrompt || undefined,
      family !== 'flux2-klein',
      'FLUX.2 klein is guided away from the empty prompt only',
    ],
    ['max_sequence_length', diffusion.maxSequenceLength, !isUnet, 'CLIP encoders have a fixed length'],
    ['clip_skip', diffusion.clipSkip || undefined, isUnet || isSd3, 'this model does not use the layers of CLIP'],
    ['prompt_syntax', syntax, isUnet, 'the text encoders of this model know no weights'],
  ]
}

/** Wishes that one family or two know. */
function listFamilyWishes(
  family: PipelineFamily,
  { diffusion = {}, negativePrompt, guidanceScale, trueCfgScale }: ImageRequest,
): Wish[] {
  const is = (...families: PipelineFamily[]) => families.includes(family)
  const guided = Math.max(guidanceScale ?? 1, trueCfgScale ?? 1) > 1 ? true : undefined
  const isQwen = family.startsWith('qwen-image')
  return [
    ['cfg_normalization', diffusion.cfgNormalization, is('z-image'), 'only Z-Image models know it'],
    ['cfg_truncation', diffusion.cfgTruncation, is('z-image'), 'only Z-Image models know it'],
    ['prompt_instruction', diffusion.promptInstruction, is('sana'), 'only Sana models know it'],
    ['resolution_binning', diffusion.resolutionBinning, is('sana', 'pixart'), 'only Sana and PixArt models know it'],
    ['data_type', diffusion.dataType, is('unidiffuser'), 'only UniDiffuser models know it'],
    ['num_frames', diffusion.numFrames, is('wan'), 'this model draws single pictures'],
    ['negative_prompt', negativePrompt || undefined, !is('unidiffuser'), 'UniDiffuser is guided away from noise'],
    ['guidance_scale', guided, !isQwen || negativePrompt !== undefined, 'Qwen-Image is guided only with a negative prompt'],
  ]
}

function listDrawingWishes(
  family: PipelineFamily,
  mode: DrawingMode,
  { diffusion = {}, edit, trueCfgScale }: ImageRequest,
): Wish[] {
  const isXl = family.startsWith('stable-diffusion-xl')
  const refines = family === 'stable-diffusion-xl-refiner' || (isXl && diffusion.refiner !== undefined)
  const hasControls = (diffusion.controlnets ?? []).length > 0
  const isPix2Pix = family === 'instruct-pix2pix'
  const onlyXl = 'only Stable Diffusion XL models know it'
  const looks = mode === 'reference'
  const drawsOneNoise = family !== 'unidiffuser'
  const manyNoises = 'UniDiffuser starts from several noises'
  const maskFill = diffusion.maskFill === 'source' ? undefined : diffusion.maskFill
  return [
    ['original_size', diffusion.originalSize, isXl, onlyXl],
    ['target_size', diffusion.targetSize, isXl, onlyXl],
    ['crop_top_left', diffusion.cropTopLeft, isXl, onlyXl],
    ['negative_original_size', diffusion.negativeOriginalSize, isXl, onlyXl],
    ['negative_target_size', diffusion.negativeTargetSize, isXl, onlyXl],
    ['negative_crop_top_left', diffusion.negativeCropTopLeft, isXl, onlyXl],
    ['aesthetic_score', diffusion.aestheticScore, refines, 'only SDXL refiners know it'],
    ['negative_aesthetic_score', diffusion.negativeAestheticScore, refines, 'only SDXL refiners know it'],
    ['guess_mode', diffusion.guessMode || undefined, hasControls, 'it is for ControlNets'],
    ['denoising_start', diffusion.denoisingStart, isXl && mode === 'image', 'only Stable Diffusion XL edits know it'],
    ['image_guidance_scale', edit?.imageGuidanceScale, isPix2Pix, 'only InstructPix2Pix models know it'],
    ['strength', edit?.strength, !isPix2Pix, 'InstructPix2Pix models always run every step'],
    ['strength', edit?.strength, !looks, 'this model looks at the source and always runs every step'],
    ['variation_strength', diffusion.variationStrength || undefined, drawsOneNoise, manyNoises],
    ['seed_resize_from', diffusion.seedResizeFrom, drawsOneNoise, manyNoises],
    ['mask_fill', maskFill, mode === 'mask' && family !== 'flux-fill', 'only masked edits with a strength know it'],
    ['resize_references', diffusion.resizeReferences, family === 'flux-kontext' && looks, 'only FLUX Kontext edits know it'],
    ['guidance_rescale', diffusion.guidanceRescale || undefined, UNET_FAMILIES.includes(family), 'only UNet models know it'],
    ['true_cfg_scale', trueCfgScale, takesTrueGuidance(family), 'this model knows the ordinary guidance scale only'],
  ]
}

function isFlux1(family: PipelineFamily): boolean {
  return family === 'flux' || family === 'flux-fill' || family === 'flux-kontext'
}

function takesTrueGuidance(family: PipelineFamily): boolean {
  return isFlux1(family) || family.startsWith('qwen-image')
}
