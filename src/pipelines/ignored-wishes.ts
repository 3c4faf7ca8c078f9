import type { ImageRequest, ImageWarning } from '../contract/index.ts'
import type { DrawingMode } from './job.ts'
import type { PipelineFamily } from './pipeline.ts'

/** Says which wishes of a request mean nothing to a family. */
export function listIgnoredWishes(family: PipelineFamily, mode: DrawingMode, request: ImageRequest): ImageWarning[] {
  const { diffusion = {}, edit, trueCfgScale } = request
  const isXl = family.startsWith('stable-diffusion-xl')
  const isPix2Pix = family === 'instruct-pix2pix'
  const onlyXl = 'only Stable Diffusion XL models know it'
  const wishes: [field: string, given: unknown, isHonoured: boolean, why: string][] = [
    ['prompt_2', diffusion.prompt2, isXl, onlyXl],
    ['original_size', diffusion.originalSize, isXl, onlyXl],
    ['target_size', diffusion.targetSize, isXl, onlyXl],
    ['crop_top_left', diffusion.cropTopLeft, isXl, onlyXl],
    ['denoising_start', diffusion.denoisingStart, isXl && mode === 'image', 'only Stable Diffusion XL edits know it'],
    ['image_guidance_scale', edit?.imageGuidanceScale, isPix2Pix, 'only InstructPix2Pix models know it'],
    ['strength', edit?.strength, !isPix2Pix, 'InstructPix2Pix models always run every step'],
    ['true_cfg_scale', trueCfgScale, false, 'this model knows the ordinary guidance scale only'],
  ]
  return wishes
    .filter(([, given, isHonoured]) => given !== undefined && !isHonoured)
    .map(([field, , , why]) => ({ kind: 'ignored', field, detail: `${field} is not used: ${why}.` }))
}
