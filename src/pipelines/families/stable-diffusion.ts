import { joinChannels } from '../channels.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import { type Branch, combinedGuidance, extendFeeds, type Guidance, withoutGuidance } from '../guidance.ts'
import { lookAtPictures } from '../ip-adapter/look-at-pictures.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { type StartedImage, type StartOptions, startImage } from '../start-image.ts'
import type { PreparedRequest, PrepareRequest } from './family.ts'
import { predictGuided } from './predict-guided.ts'
import { encodeScheduled, splitPrompt } from './scheduled-text.ts'

/** Stable Diffusion 1.x and 2.x, with 4 or 9 channels. */
export const prepareStableDiffusion: PrepareRequest = async (model, job) => {
  const encode = (text: string, field: string) => encodeScheduled(job, text, (part) => encodeText(model, job, part, field))
  const seen = await lookAtPictures(model, job)
  const positives: WeightedBranch[] = []
  for (const { text, weight } of splitPrompt(job)) {
    positives.push({ branch: extendFeeds(await encode(text, 'prompt'), seen.positive), weight })
  }
  if (isUnguided(job, positives)) return beginWith(model, job, withoutGuidance(positives[0]!.branch))
  const negative = extendFeeds(await encode(job.request.negativePrompt ?? '', 'negative_prompt'), seen.negative)
  return beginWith(model, job, guideFreely(job, negative, positives))
}

/** One of several prompts, and how much of it is wanted. */
export interface WeightedBranch {
  branch: Branch
  weight: number
}

/** Several prompts are guided towards even at a scale of 1: that is how they come together. */
export function isUnguided({ guidanceScale }: DrawingJob, positives: readonly WeightedBranch[]): boolean {
  return guidanceScale <= 1 && positives.length === 1
}

/** The last state of the one text encoder. Layers are left out for the prompt only, as diffusers does. */
export async function encodeText(model: OpenModel, job: DrawingJob, text: string, field: string): Promise<DenoiserFeeds> {
  const skipped = field === 'prompt' ? job.request.diffusion?.clipSkip : 0
  const wish = { state: 'last', skipped, pooled: false } as const
  const { states } = await model.prompts.encode({ encoder: 'text_encoder', text, wish, field }, job)
  return { text: states }
}

export function guideFreely(job: DrawingJob, negative: Branch, positives: readonly WeightedBranch[]): Guidance {
  return combinedGuidance(negative, positives, Math.max(1, job.guidanceScale), job.request.diffusion?.guidanceRescale)
}

/** The way from a guidance to images that ordinary and inpainting UNets share. */
export function beginWith(model: OpenModel, job: DrawingJob, guidance: Guidance, options: StartOptions = {}): PreparedRequest {
  const denoiserSeesMask = model.facts.traits.needsMask === true
  return {
    async begin(noise, handedOver) {
      const started = await startImage(job, noise, { ...options, denoiserSeesMask, handedOver })
      const predict = await predictGuided(model, job, appendMask(guidance, started), started.run.steps.length)
      return { ...started, predict }
    },
  }
}

function appendMask(guidance: Guidance, { maskChannels }: StartedImage): Guidance {
  if (!maskChannels) return guidance
  const appended = joinChannels(maskChannels)
  return { ...guidance, branches: guidance.branches.map((branch) => ({ ...branch, appended })) }
}
