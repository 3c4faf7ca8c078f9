import { DiffgentorError } from '../errors.ts'
import { accumulateScaled, addScaled } from '../tensor/arithmetic.ts'
import { splitAncestral } from './euler-ancestral.ts'
import { interleaveMiddles, KDPM2_FIELDS, middleSigma, spaceKdpm2 } from './kdpm2-schedule.ts'
import { computeAlphasCumprod, sigmasOf } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { initialNoiseSigma, inputDivisorAt, predictOriginal, slopeAt } from './sigma-space.ts'

const { fround } = Math

/** DPM-Solver-2 to a level below the next one, then fresh noise up to it (k-diffusion's `sample_dpm_2_ancestral`). */
export const kdpm2Ancestral: SchedulerKind<typeof KDPM2_FIELDS> = {
  className: 'KDPM2AncestralDiscreteScheduler',
  fields: KDPM2_FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  prepare(config) {
    const table = sigmasOf(computeAlphasCumprod(config, false))
    return ({ numInferenceSteps }) => {
      const spaced = spaceKdpm2(config, table, numInferenceSteps)
      const levels = [...spaced.sigmas, 0].map(fround)
      const splits = levels.slice(1).map((sigma, index) => splitAncestral(levels[index]!, sigma))
      checkSplits(splits, levels)
      const middles = splits.map(({ down }, index) => middleSigma(levels[index]!, down))
      const sigmas = Float32Array.from([levels[0]!, ...levels.slice(1).flatMap((sigma) => [sigma, sigma])])
      const levelAt = (index: number) => (index % 2 === 0 ? levels : middles)[Math.floor(index / 2)]!
      let start: Float32Array | undefined

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const entry = Math.floor(index / 2)
        const level = levelAt(index)
        const original = predictOriginal(config.prediction_type, prediction, latents, level)
        const isFirst = start === undefined
        const base = start ?? latents
        start = isFirst ? latents : undefined
        const change = fround((isFirst ? middles[entry]! : splits[entry]!.down) - levels[entry]!)
        const next = addScaled(base, change, slopeAt(latents, original, level))
        if (!isFirst) accumulateScaled(next, splits[entry]!.up, drawNoise())
        return { latents: next, denoised: original }
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

/** Where levels fall so fast that float32 leaves nothing below the next one, the middle of the step has no meaning. */
function checkSplits(splits: readonly { down: number }[], levels: readonly number[]): void {
  if (splits.every(({ down }, index) => down > 0 || levels[index + 1] === 0)) return
  throw new DiffgentorError(
    'unsupported',
    'KDPM2AncestralDiscreteScheduler cannot bridge the noise levels of this schedule; take more steps or another scheduler.',
    { field: 'scheduler' },
  )
}
