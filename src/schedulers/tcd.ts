import { DiffgentorError } from '../errors.ts'
import { weightedSum } from '../tensor/arithmetic.ts'
import { alphaNoiseWeights, decompose } from './alpha-space.ts'
import { DISTILLED_FIELDS, prepareDistilled } from './distilled-run.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'

const { fround } = Math

/** How far each step goes past the next timestep before noise brings it back, as a share of that timestep. */
const DEFAULT_ETA = 0.3

/** Zheng et al., "Trajectory consistency distillation", 2024. The class ignores its clipping options, as the reference does. */
export const tcd: SchedulerKind<typeof DISTILLED_FIELDS> = {
  className: 'TCDScheduler',
  fields: DISTILLED_FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  custom: ['timesteps'],
  prepare: (config) =>
    prepareDistilled(config, ({ alphas, timesteps, last }, options) => {
      const eta = checkEta(options.eta ?? DEFAULT_ETA)
      return ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const next = timesteps[index + 1] ?? 0
        const passed = alphas[Math.floor(fround(fround(1 - eta) * next))]!
        const { original, noise } = decompose(config.prediction_type, prediction, latents, alphas[timesteps[index]!]!)
        const [signal, spread] = alphaNoiseWeights(passed)
        const moved = weightedSum(signal, original, spread, noise)
        if (eta === 0 || index === last) return { latents: moved, denoised: original }
        const [kept, fresh] = alphaNoiseWeights(fround(alphas[next]! / passed))
        return { latents: weightedSum(kept, moved, fresh, drawNoise()), denoised: original }
      }
    }),
}

function checkEta(eta: number): number {
  if (eta >= 0 && eta <= 1) return eta
  throw new DiffgentorError('invalid_request', `The eta of TCDScheduler is between 0 and 1, not ${eta}.`, { field: 'eta' })
}
