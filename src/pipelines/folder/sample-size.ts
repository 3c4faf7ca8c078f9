import type { PipelineFamily } from '../pipeline.ts'
import type { ModelFolder } from './model-folder.ts'

/**
 * Height and width of the latents that the denoiser was trained at, as far as its configuration tells.
 * Stable Diffusion models converted before diffusers 0.9 tell a wrong one below 64; they are taken at 64, as diffusers does.
 */
export function readSampleSize({ configs }: ModelFolder, family: PipelineFamily): readonly [unknown, unknown] {
  const config = configs.get('unet') ?? configs.get('transformer')
  const sample = config?.['sample_size']
  if (Array.isArray(sample)) return [sample[0], sample[1]]
  const isStableDiffusion = family === 'stable-diffusion' || family === 'stable-diffusion-inpaint'
  const isWrong = isStableDiffusion && typeof sample === 'number' && sample < 64 && isBefore09(config?.['_diffusers_version'])
  return isWrong ? [64, 64] : [sample, sample]
}

function isBefore09(version: unknown): boolean {
  return typeof version === 'string' && /^0\.[0-8](\.|$)/.test(version)
}
