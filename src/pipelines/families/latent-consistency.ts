import type { Tensor } from '../../tensor/tensor.ts'
import { fixedDimension } from '../folder/denoiser-inputs.ts'
import { extendFeeds, withoutGuidance } from '../guidance.ts'
import { lookAtPictures } from '../ip-adapter/look-at-pictures.ts'
import type { OpenModel } from '../job.ts'
import type { PrepareRequest } from './family.ts'
import { encodeScheduled } from './scheduled-text.ts'
import { beginWith, encodeText } from './stable-diffusion.ts'

/** Latent consistency models (arXiv 2310.04378): the guidance scale is an input, so a step is one run. */
export const prepareLatentConsistency: PrepareRequest = async (model, job) => {
  const text = await encodeScheduled(job, job.request.prompt, (part) => encodeText(model, job, part, 'prompt'))
  const seen = await lookAtPictures(model, job)
  const further = { ...seen.positive, timestepCond: embedGuidance(job.guidanceScale, conditionWidth(model)) }
  return beginWith(model, job, withoutGuidance(extendFeeds(text, further)), { laidOutByStrength: job.mode === 'image' })
}

const USUAL_WIDTH = 256

function conditionWidth({ facts: { folder, signatures } }: OpenModel): number {
  const told = folder.configs.get('unet')?.['time_cond_proj_dim']
  return fixedDimension(signatures.get('unet')!, 'timestepCond', 1) ?? (typeof told === 'number' ? told : USUAL_WIDTH)
}

/** Sines, then cosines, of 1000 · (scale − 1) at frequencies falling from 1 to 1/10000; in float32 as torch computes them. */
function embedGuidance(scale: number, width: number): Tensor {
  const { fround, exp, log, sin, cos } = Math
  const half = width / 2
  const position = fround(fround(scale - 1) * 1000)
  const slope = fround(log(10_000) / (half - 1))
  const data = new Float32Array(width)
  for (let i = 0; i < half; i++) {
    const angle = fround(position * fround(exp(fround(i * -slope))))
    data[i] = sin(angle)
    data[half + i] = cos(angle)
  }
  return { data, shape: [1, width] }
}
