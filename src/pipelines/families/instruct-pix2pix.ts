import { zeros } from '../channels.ts'
import { pix2pixGuidance, withoutGuidance } from '../guidance.ts'
import { startImage } from '../start-image.ts'
import type { PrepareRequest } from './family.ts'
import { predictGuided } from './predict-guided.ts'
import { encodeScheduled } from './scheduled-text.ts'
import { encodeText } from './stable-diffusion.ts'

const DEFAULT_IMAGE_GUIDANCE = 1.5

/** InstructPix2Pix (arXiv 2211.09800): starts from pure noise and sees the source, not scaled, as further channels. */
export const prepareInstructPix2Pix: PrepareRequest = async (model, job) => {
  const { request } = job
  const imageScale = request.edit?.imageGuidanceScale ?? DEFAULT_IMAGE_GUIDANCE
  const encode = (text: string, field: string) => encodeScheduled(job, text, (part) => encodeText(model, job, part, field))
  const positive = await encode(request.prompt, 'prompt')
  const isGuided = job.guidanceScale > 1 && imageScale >= 1
  const negative = isGuided ? await encode(request.negativePrompt ?? '', 'negative_prompt') : positive
  return {
    async begin(noise) {
      const picture = await job.vae.encodeMode(job.source!, job.context)
      const text = { ...positive, appended: picture }
      const branches = {
        text,
        picture: { ...negative, appended: picture },
        neither: { ...negative, appended: zeros(picture.shape) },
      }
      const guidance = isGuided ? pix2pixGuidance(branches, job.guidanceScale, imageScale) : withoutGuidance(text)
      const { run, latents } = await startImage({ ...job, mode: 'text' }, noise)
      return { run, latents, predict: await predictGuided(model, job, guidance, run.steps.length) }
    },
  }
}
