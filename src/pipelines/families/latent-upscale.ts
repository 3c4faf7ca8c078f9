import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toRgb } from '../../images/convert-channels.ts'
import { fitPicture } from '../../images/fit-picture.ts'
import { pictureToTensor } from '../../images/picture-tensor.ts'
import type { NoiseSource } from '../../noise/noise-source.ts'
import { createScheduler } from '../../schedulers/create-scheduler.ts'
import { parseSchedulerConfig } from '../../schedulers/scheduler-config.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { extendFeeds, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { startImage } from '../start-image.ts'
import type { PrepareRequest } from './family.ts'
import { predictGuided } from './predict-guided.ts'
import { encodeScheduled } from './scheduled-text.ts'
import { encodeText, guideFreely } from './stable-diffusion.ts'

/** How noisy the model is told that the small picture is, and is made to be; the usual value of diffusers. */
const NOISE_LEVEL = 20

/** The schedule by which the small picture is noised where the folder has none of its own. */
const LOW_RESOLUTION_SCHEDULE = {
  _class_name: 'DDPMScheduler',
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'scaled_linear',
}

/** Stable Diffusion ×4: draws from noise and sees the small picture, noised a little, as further channels. Latents are as large as it. */
export const prepareLatentUpscale: PrepareRequest = async (model, job) => {
  const { prompt, negativePrompt } = job.request
  const classLabels = { data: [NOISE_LEVEL], shape: [1] }
  const encode = async (text: string, field: string) =>
    extendFeeds(await encodeScheduled(job, text, (part) => encodeText(model, job, part, field)), { classLabels })
  const positive = await encode(prompt, 'prompt')
  const negative = job.guidanceScale > 1 ? await encode(negativePrompt ?? '', 'negative_prompt') : undefined
  const addNoise = await readLowResolutionNoise(model)
  return {
    async begin(noise) {
      const appended = addNoise(shrinkSource(job), noise)
      const { run, latents } = await startImage({ ...job, mode: 'text' }, noise)
      const guided = { ...positive, appended }
      const guidance = negative
        ? guideFreely(job, { ...negative, appended }, [{ branch: guided, weight: 1 }])
        : withoutGuidance(guided)
      return { run, latents, predict: await predictGuided(model, job, guidance, run.steps.length) }
    },
  }
}

function shrinkSource({ references, latentShape }: DrawingJob): Tensor {
  const size = { height: latentShape[2]!, width: latentShape[3]! }
  return pictureToTensor(toRgb(fitPicture(references[0]!, size, 'bicubic')))
}

/** Noises the small picture by the folder's second schedule. */
async function readLowResolutionNoise({ facts }: OpenModel): Promise<(picture: Tensor, noise: NoiseSource) => Tensor> {
  const file = join(facts.folder.root, 'low_res_scheduler', 'scheduler_config.json')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  const scheduler = createScheduler({ modelConfig: text === undefined ? LOW_RESOLUTION_SCHEDULE : parseSchedulerConfig(text) })
  return (picture, noise) => {
    const run = scheduler.startRun({ numInferenceSteps: 1, timesteps: [NOISE_LEVEL], drawNoise: noise.normal })
    return run.addNoise(picture, noise.normal(picture.shape), run.steps[0]!)
  }
}
