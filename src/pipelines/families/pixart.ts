import type { Tensor } from '../../tensor/tensor.ts'
import { findInput } from '../folder/denoiser-inputs.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import { type Branch, classifierFreeGuidance, type Guidance, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { startImage } from '../start-image.ts'
import { firstHalf } from '../vae-latents.ts'
import { binSize } from './binned-size.ts'
import type { PrepareRequest } from './family.ts'
import { predictFlow } from './predict-flow.ts'

/** Tokens of T5 that the model was trained with. */
const TEXT_LENGTHS = { alpha: 120, sigma: 300 }
const PIXELS_PER_SAMPLE = 8
const TOKEN_SIDE = 2

/** PixArt-α (arXiv 2310.00426) and PixArt-Σ (arXiv 2403.04692): T5 with its mask; the learned variance is left out. */
export const preparePixArt: PrepareRequest = async (model, asked) => {
  const { job, present } = binSize(model, asked, { pixelsPerSample: PIXELS_PER_SAMPLE, tokenSide: TOKEN_SIDE })
  const { prompt, negativePrompt = '' } = job.request
  const positive = await encodeText(model, job, prompt, 'prompt')
  const guidance =
    job.guidanceScale > 1
      ? classifierFreeGuidance(await encodeText(model, job, negativePrompt, 'negative_prompt'), positive, job.guidanceScale)
      : withoutGuidance(positive)
  const prediction = { guidance: withoutVariance(guidance), toTime: (timestep: number) => timestep }
  return {
    async begin(noise) {
      return { ...(await startImage(job, noise)), predict: await predictFlow(model, job, prediction) }
    },
    present,
  }
}

async function encodeText(model: OpenModel, job: DrawingJob, text: string, field: string): Promise<Branch> {
  const isAlpha = String(model.facts.folder.index['_class_name']).startsWith('PixArtAlpha')
  const { states, mask } = await model.sequences.encode(
    {
      encoder: 'text_encoder',
      text: text.toLowerCase().trim(),
      maxLength: job.request.diffusion?.maxSequenceLength ?? TEXT_LENGTHS[isAlpha ? 'alpha' : 'sigma'],
      padded: true,
      field,
    },
    job,
  )
  return { feeds: { text: states, textMask: { data: mask, shape: [1, mask.length] }, ...sizeConditions(model, job) } }
}

/** What PixArt-α of 1024 pixels is told about its picture. */
function sizeConditions({ facts }: OpenModel, { size }: DrawingJob): DenoiserFeeds {
  if (!findInput(facts.signatures.get('transformer')!, 'resolution')) return {}
  return {
    resolution: { data: [size.height, size.width], shape: [1, 2] },
    aspectRatio: { data: [size.height / size.width], shape: [1, 1] },
  }
}

function withoutVariance({ branches, combine }: Guidance): Guidance {
  return { branches, combine: (predictions: readonly Tensor[]) => combine(predictions.map(firstHalf)) }
}
