import { addScaled } from '../tensor/arithmetic.ts'
import { interleaveMiddles, KDPM2_FIELDS, middleSigma, spaceKdpm2 } from './kdpm2-schedule.ts'
import { computeAlphasCumprod, sigmasOf } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { initialNoiseSigma, inputDivisorAt, predictOriginal, slopeAt } from './sigma-space.ts'

const { fround } = Math

/** DPM-Solver-2 in σ: a step to the middle, then the whole step by the slope there (k-diffusion's `sample_dpm_2`). */
export const kdpm2: SchedulerKind<typeof KDPM2_FIELDS> = {
  className: 'KDPM2DiscreteScheduler',
  fields: KDPM2_FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  prepare(config) {
    const table = sigmasOf(computeAlphasCumprod(config, false))
    return ({ numInferenceSteps }) => {
      const spaced = spaceKdpm2(config, table, numInferenceSteps)
      const levels = [...spaced.sigmas, 0].map(fround)
      const middles = levels.slice(1).map((sigma, index) => middleSigma(levels[index]!, sigma))
      // Calls alternate between the start of a step and its middle; the reference names the next level for the middle.
      const sigmas = Float32Array.from([levels[0]!, ...levels.slice(1).flatMap((sigma) => [sigma, sigma])])
      const levelAt = (index: number) => (index % 2 === 0 ? levels : middles)[Math.floor(index / 2)]!
      let start: Float32Array | undefined

      const step = ({ prediction, latents, index }: StepInput): StepOutput => {
        const entry = Math.floor(index / 2)
        const level = levelAt(index)
        const original = predictOriginal(config.prediction_type, prediction, latents, level)
        const isFirst = start === undefined
        const base = start ?? latents
        start = isFirst ? latents : undefined
        const change = fround((isFirst ? middles[entry]! : levels[entry + 1]!) - levels[entry]!)
        return {
          latents: addScaled(base, change, slopeAt(latents, original, level)),
          denoised: original,
        }
      }

      return {
        timesteps: interleaveMiddles(spaced.timesteps, middles, table),
        sigmas,
        initNoiseSigma: initialNoiseSigma(sigmas, config.timestep_spacing),
        order: 2,
        step,
        inputDivisor: (index) => inputDivisorAt(levelAt(index)),
        noiseWeights: (index) => [1, sigmas[index]!],
      }
    }
  },
}
