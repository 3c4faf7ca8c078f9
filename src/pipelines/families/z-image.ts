import type { Tensor } from '../../tensor/tensor.ts'
import { writeQwen3Chat } from '../../tokenizers/index.ts'
import { shiftForTokens } from '../flow-layout.ts'
import { type Branch, type Guidance, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { startImage } from '../start-image.ts'
import type { PrepareRequest } from './family.ts'
import { predictFlow } from './predict-flow.ts'

const { fround } = Math

const TEXT_LENGTH = 512
const TIMESTEPS = 1000
const TOKEN_SIDE = 2

/** Z-Image and Z-Image-Turbo: Qwen3's last state but one of the prompt's own tokens; guidance counts from 0. */
export const prepareZImage: PrepareRequest = async (model, job) => {
  const { prompt, negativePrompt = '' } = job.request
  const positive = await encodeText(model, job, prompt, 'prompt')
  const negative = job.guidanceScale > 0 ? await encodeText(model, job, negativePrompt, 'negative_prompt') : undefined
  const flow = { evenSigmas: true, mu: shiftOf(job) }
  return {
    async begin(noise) {
      const started = await startImage(job, noise, { flow })
      return { ...started, predict: await predictVelocity(model, job, positive, negative) }
    },
  }
}

async function encodeText(model: OpenModel, job: DrawingJob, message: string, field: string): Promise<Branch> {
  const { states } = await model.sequences.encode(
    {
      encoder: 'text_encoder',
      text: writeQwen3Chat(message, { thinking: true }),
      maxLength: job.request.diffusion?.maxSequenceLength ?? TEXT_LENGTH,
      padded: false,
      field,
    },
    job,
  )
  return { feeds: { text: states } }
}

function shiftOf({ scheduler, schedulerConfig, latentShape }: DrawingJob): number | undefined {
  if (scheduler.config['use_dynamic_shifting'] !== true) return undefined
  return shiftForTokens((latentShape[2]! / TOKEN_SIDE) * (latentShape[3]! / TOKEN_SIDE), schedulerConfig)
}

/** The transformer is told the share of the way that is done, and predicts the way back. */
async function predictVelocity(model: OpenModel, job: DrawingJob, positive: Branch, negative: Branch | undefined) {
  const predict = (guidance: Guidance) => predictFlow(model, job, { guidance: reversed(guidance), toTime: shareDone })
  const alone = await predict(withoutGuidance(positive))
  if (!negative) return alone
  const { cfgNormalization = 0, cfgTruncation = 1 } = job.request.diffusion ?? {}
  const guided = await predict(guideFromPositive(negative, positive, { scale: job.guidanceScale, limit: cfgNormalization }))
  return (scaled: Tensor, step: Parameters<typeof alone>[1]) =>
    (shareDone(step.timestep) > cfgTruncation ? alone : guided)(scaled, step)
}

function shareDone(timestep: number): number {
  return fround(fround(TIMESTEPS - timestep) / TIMESTEPS)
}

function reversed({ branches, combine }: Guidance): Guidance {
  return {
    branches,
    combine(predictions) {
      const { data, shape } = combine(predictions)
      return { data: data.map((value) => -value), shape }
    },
  }
}

/** positive + scale · (positive − negative), at most `limit` times as long as the positive prediction; 0 is no limit. */
function guideFromPositive(negative: Branch, positive: Branch, { scale, limit }: { scale: number; limit: number }): Guidance {
  const factor = fround(scale)
  return {
    branches: [positive, negative],
    combine: ([within, without]) => {
      const data = within!.data.map((value, i) => value + fround(factor * fround(value - without!.data[i]!)))
      if (limit > 0) shorten(data, fround(lengthOf(within!.data) * limit))
      return { data, shape: within!.shape }
    },
  }
}

function shorten(data: Float32Array, longest: number): void {
  const length = lengthOf(data)
  if (length <= longest) return
  const factor = fround(longest / length)
  for (let i = 0; i < data.length; i++) data[i] = data[i]! * factor
}

function lengthOf(data: Float32Array): number {
  return fround(Math.sqrt(data.reduce((sum, value) => sum + value * value, 0)))
}
