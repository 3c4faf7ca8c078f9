import { startSchedule } from '../schedule.ts'
import { type PictureShapes, predictPicture } from '../unidiffuser/guided-predictions.ts'
import { joinParts, splitParts } from '../unidiffuser/joint-state.ts'
import { DATA_TYPE, openJointUnet } from '../unidiffuser/joint-unet.ts'
import { pictureShapes } from '../unidiffuser/shapes.ts'
import { narrowText } from '../unidiffuser/text-latents.ts'
import type { PrepareRequest } from './family.ts'

/** UniDiffuser (arXiv 2303.06555) from text: draws a picture and its embedding together. Guidance goes away from noise, not from a prompt. */
export const prepareUniDiffuser: PrepareRequest = async (model, job) => {
  const { request, adapters, context, scheduler } = job
  const item = { encoder: 'text_encoder', text: request.prompt, wish: { state: 'last', pooled: false }, field: 'prompt' } as const
  const { states } = await model.prompts.encode(item, job)
  const text = await narrowText(model, states, context)
  const shapes: PictureShapes = pictureShapes(model.facts, job.latentShape)
  return {
    async begin(noise) {
      const run = startSchedule(job, noise)
      const fresh = joinParts(shapes.map((shape) => noise.normal(shape)))
      const latents = { data: fresh.data.map((value) => value * run.initNoiseSigma), shape: fresh.shape }
      const unet = await openJointUnet(model, { adapters, context, dataType: request.diffusion?.dataType ?? DATA_TYPE })
      const setting = { unet, noise, scale: job.guidanceScale, noiseTime: scheduler.numTrainTimesteps }
      return { run, latents, predict: predictPicture(setting, text, shapes) }
    },
    toLatents: (state) => splitParts(state, shapes)[0],
  }
}
