import { joinAxis, zeros } from '../channels.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import { extendFeeds, withoutGuidance } from '../guidance.ts'
import { lookAtPictures } from '../ip-adapter/look-at-pictures.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import type { PrepareRequest } from './family.ts'
import { encodeScheduled, splitPrompt } from './scheduled-text.ts'
import { negativeConditions, sizeConditions } from './size-conditions.ts'
import { beginWith, guideFreely, isUnguided, type WeightedBranch } from './stable-diffusion.ts'

/** Stable Diffusion XL (arXiv 2307.01952): two text encoders, and conditioning on sizes. Base, refiner, Turbo and inpainting models. */
export const prepareStableDiffusionXl: PrepareRequest = async (model, job) => {
  const { negativePrompt, diffusion } = job.request
  const encode = (text: string, second: string | undefined, field: string) =>
    encodeScheduled(job, text, (first) => encodeBoth(model, job, { first, second: second || first }, field))
  const seen = await lookAtPictures(model, job)
  const further = { ...seen.positive, timeIds: sizeConditions(model, job) }
  const positives: WeightedBranch[] = []
  for (const { text, weight } of splitPrompt(job)) {
    positives.push({ branch: extendFeeds(await encode(text, diffusion?.prompt2, 'prompt'), further), weight })
  }
  const { branch } = positives[0]!
  if (isUnguided(job, positives)) return beginWith(model, job, withoutGuidance(branch))
  const without =
    negativePrompt === undefined && forcesZeros(model)
      ? { feeds: { text: zeros(branch.feeds.text!.shape), pooled: zeros(branch.feeds.pooled!.shape) } }
      : await encode(negativePrompt ?? '', diffusion?.negativePrompt2, 'negative_prompt')
  const negative = extendFeeds(without, { ...seen.negative, timeIds: negativeConditions(model, job) })
  return beginWith(model, job, guideFreely(job, negative, positives))
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
