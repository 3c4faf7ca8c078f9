import { joinAxis, zeros } from '../channels.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import { withoutGuidance } from '../guidance.ts'
import { lookAtPictures } from '../ip-adapter/look-at-pictures.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import type { PrepareRequest } from './family.ts'
import { negativeConditions, sizeConditions } from './size-conditions.ts'
import { beginWith, guideFreely } from './stable-diffusion.ts'

/** Stable Diffusion XL (arXiv 2307.01952): two text encoders, and conditioning on sizes. Base, refiner, Turbo and inpainting models. */
export const prepareStableDiffusionXl: PrepareRequest = async (model, job) => {
  const { prompt, negativePrompt, diffusion } = job.request
  const encode = (texts: EncoderTexts, field: string) => encodeBoth(model, job, texts, field)
  const text = await encode({ first: prompt, second: diffusion?.prompt2 || prompt }, 'prompt')
  const seen = await lookAtPictures(model, job)
  const positive = { feeds: { ...text, ...seen.positive, timeIds: sizeConditions(model, job) } }
  if (job.guidanceScale <= 1) return beginWith(model, job, withoutGuidance(positive))
  const without =
    negativePrompt === undefined && forcesZeros(model)
      ? { text: zeros(text.text!.shape), pooled: zeros(text.pooled!.shape) }
      : await encode(
          { first: negativePrompt ?? '', second: diffusion?.negativePrompt2 || negativePrompt || '' },
          'negative_prompt',
        )
  const negative = { feeds: { ...without, ...seen.negative, timeIds: negativeConditions(model, job) } }
  return beginWith(model, job, guideFreely(job, negative, positive))
}

interface EncoderTexts {
  first: string
  second: string
}

/** The states before the last layer of both encoders, side by side, and the pooled projection of the second. */
async function encodeBoth(model: OpenModel, job: DrawingJob, texts: EncoderTexts, field: string): Promise<DenoiserFeeds> {
  // Layers are left out for the prompt only, as diffusers does.
  const state = 1 + (field === 'prompt' ? (job.request.diffusion?.clipSkip ?? 0) : 0)
  const encode = (encoder: ComponentName, text: string, pooled: boolean, leastChunks?: number) =>
    model.prompts.encode({ encoder, text, wish: { state, pooled }, field, leastChunks }, job)
  const second = await encode('text_encoder_2', texts.second, true)
  if (!model.facts.signatures.has('text_encoder')) return { text: second.states, pooled: second.pooled! }
  const first = await encode('text_encoder', texts.first, false, second.chunks)
  // A long first prompt has more chunks than the second: that one is filled up.
  const filled = (first.chunks ?? 1) > (second.chunks ?? 1)
  const { states } = filled ? await encode('text_encoder_2', texts.second, true, first.chunks) : second
  return { text: joinAxis([first.states, states], 2), pooled: second.pooled! }
}

/** A negative prompt that is not given is zeros rather than the encoding of nothing; an empty one is encoded. */
function forcesZeros({ facts }: OpenModel): boolean {
  return facts.folder.index['force_zeros_for_empty_prompt'] !== false
}
