import { accumulateScaled, addScaled } from '../tensor/arithmetic.ts'
import type { ConfigOf } from './config-fields.ts'
import { alternate, interleaveMiddles, type KDPM2_FIELDS, middleSigma, spaceKdpm2 } from './kdpm2-schedule.ts'
import { computeAlphasCumprod, sigmasOf } from './noise-schedule.ts'
import type { LayOut, StepInput, StepOutput } from './scheduler-kind.ts'
import { sigmaLayout } from './sigma-layout.ts'
import { predictOriginal, slopeAt } from './sigma-space.ts'

const { fround } = Math

/** Where a step goes, and how much fresh noise is added there; `up` is absent where none is drawn. */
export interface StepEnd {
  down: number
  up?: number
}

/** Lays out runs of DPM-Solver-2 in σ: a step to the middle, then the whole step by the slope there. */
export function prepareKdpm2(
  config: ConfigOf<typeof KDPM2_FIELDS>,
  endsOf: (levels: readonly number[]) => readonly StepEnd[],
): LayOut {
  const table = sigmasOf(computeAlphasCumprod(config, false))
  return ({ numInferenceSteps }) => {
    const spaced = spaceKdpm2(config, table, numInferenceSteps)
    const levels = [...spaced.sigmas, 0].map(fround)
    const ends = endsOf(levels)
    const middles = ends.map(({ down }, index) => middleSigma(levels[index]!, down))
    // Calls alternate between the start of a step and its middle; the reference names the next level for the middle.
    const sigmas = Float32Array.from([levels[0]!, ...levels.slice(1).flatMap((sigma) => [sigma, sigma])])
    const levelAt = alternate(levels, middles)
    let start: Float32Array | undefined

    const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
      const entry = Math.floor(index / 2)
      const level = levelAt(index)
      const { down, up } = ends[entry]!
      const original = predictOriginal(config.prediction_type, prediction, latents, level)
      const isFirst = start === undefined
      const base = start ?? latents
      start = isFirst ? latents : undefined
      const change = fround((isFirst ? middles[entry]! : down) - levels[entry]!)
      const next = addScaled(base, change, slopeAt(latents, original, level))
      if (!isFirst && up !== undefined) accumulateScaled(next, up, drawNoise())
      return { latents: next, denoised: original }
    }

    const timesteps = interleaveMiddles(spaced.timesteps, middles, table)
    return sigmaLayout({ timesteps, sigmas, spacing: config.timestep_spacing, order: 2, step, levelAt })
  }
}
