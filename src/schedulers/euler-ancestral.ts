import { accumulateScaled } from '../tensor/arithmetic.ts'
import { choice, flag } from './config-fields.ts'
import { spaceWithSigmas } from './euler-sigmas.ts'
import { computeAlphasCumprodForSigmas, NOISE_SCHEDULE_FIELDS, sigmasOf } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { sigmaLayout } from './sigma-layout.ts'
import { moveAlongDerivative, predictOriginal } from './sigma-space.ts'
import { SPACING_FIELDS } from './timestep-spacing.ts'

const { fround, sqrt } = Math

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  rescale_betas_zero_snr: flag(false),
}

/** Euler's method to a level below the next one, then fresh noise up to it (k-diffusion's `sample_euler_ancestral`). */
export const eulerAncestral: SchedulerKind<typeof FIELDS> = {
  className: 'EulerAncestralDiscreteScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  prepare(config) {
    const table = sigmasOf(computeAlphasCumprodForSigmas(config, config.rescale_betas_zero_snr))
    return ({ numInferenceSteps }) => {
      const spaced = spaceWithSigmas(config, table, numInferenceSteps)
      const sigmas = Float32Array.from([...spaced.sigmas, 0])

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const sigma = sigmas[index]!
        const { up, down } = splitAncestral(sigma, sigmas[index + 1]!)
        const original = predictOriginal(config.prediction_type, prediction, latents, sigma)
        const next = moveAlongDerivative(latents, original, sigma, fround(down - sigma))
        // The last step draws too, with weight 0: the generator must move as the reference's does.
        accumulateScaled(next, up, drawNoise())
        return { latents: next, denoised: original }
      }

      return sigmaLayout({ timesteps: spaced.timesteps, sigmas, spacing: config.timestep_spacing, step })
    }
  },
}

/** The level to go down to and the noise to add so that together they make the next level. */
export function splitAncestral(from: number, to: number): { up: number; down: number } {
  const fromPower = fround(from * from)
  const toPower = fround(to * to)
  const up = fround(sqrt(fround(fround(toPower * fround(fromPower - toPower)) / fromPower)))
  return { up, down: fround(sqrt(fround(toPower - fround(up * up)))) }
}
