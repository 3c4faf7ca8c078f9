import type { Tensor } from '../../tensor/tensor.ts'
import type { Predict } from '../denoise.ts'
import type { Guidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { openDenoiser } from './predict-guided.ts'

export interface FlowPrediction {
  guidance: Guidance
  /** What the transformer is told, from the scheduler's timestep of 0 … 1000. */
  toTime: (timestep: number) => number
  /** What stands beside the latents. Default: nothing. */
  beside?: BesideLatents | undefined
}

/** Puts something beside the latents before a run, and takes its part away afterwards. */
export interface BesideLatents {
  join(latents: Tensor): Tensor
  part(prediction: Tensor, latents: Tensor): Tensor
}

const NOTHING: BesideLatents = { join: (latents) => latents, part: (prediction) => prediction }

/** Loads a transformer that predicts velocities: one run for each branch of the guidance, always with a batch of one. */
export async function predictFlow(
  model: OpenModel,
  job: DrawingJob,
  { guidance, toTime, beside = NOTHING }: FlowPrediction,
): Promise<Predict> {
  const denoiser = await openDenoiser(model, job)
  return async (scaled, step) => {
    const timestep = { data: [Math.fround(toTime(step.timestep))], shape: [1] }
    const latents = beside.join(scaled)
    const predictions = []
    for (const { feeds } of guidance.branches) {
      predictions.push(beside.part(await denoiser.predict({ ...feeds, latents, timestep }), scaled))
    }
    return guidance.combine(predictions)
  }
}

/** Further tokens [1, n, width] behind the latents', which the transformer looks at. */
export function appendTokens(further: readonly Tensor[]): BesideLatents {
  if (further.length === 0) return NOTHING
  const added = further.reduce((sum, { shape }) => sum + shape[1]!, 0)
  let joined: Tensor | undefined
  return {
    join({ data, shape: [, tokens, width] }) {
      if (!joined) {
        joined = { data: new Float32Array((tokens! + added) * width!), shape: [1, tokens! + added, width!] }
        let at = data.length
        for (const part of further) {
          joined.data.set(part.data, at)
          at += part.data.length
        }
      }
      joined.data.set(data)
      return joined
    },
    part: (prediction, latents) => ({ data: prediction.data.subarray(0, latents.data.length), shape: latents.shape }),
  }
}

/** Further values in every token: `further` are tokens [1, n, width], as many as the latents are. */
export function widenTokens(further: readonly Tensor[]): BesideLatents {
  let joined: Tensor | undefined
  return {
    join({ data, shape: [, tokens, width] }) {
      joined ??= placeBeside(further, tokens!, width!)
      const stride = joined.shape[2]!
      for (let token = 0; token < tokens!; token++) {
        joined.data.set(data.subarray(token * width!, (token + 1) * width!), token * stride)
      }
      return joined
    },
    part: (prediction) => prediction,
  }
}

/** Tokens whose first `width` values are free and whose others are those of `further`. */
function placeBeside(further: readonly Tensor[], tokens: number, width: number): Tensor {
  const stride = further.reduce((sum, { shape }) => sum + shape[2]!, width)
  const data = new Float32Array(tokens * stride)
  let column = width
  for (const { data: values, shape } of further) {
    const length = shape[2]!
    for (let token = 0; token < tokens; token++) {
      data.set(values.subarray(token * length, (token + 1) * length), token * stride + column)
    }
    column += length
  }
  return { data, shape: [1, tokens, stride] }
}
