import { DiffgentorError } from '../errors.ts'
import { accumulateScaled, addScaled } from '../tensor/arithmetic.ts'
import { choice } from './config-fields.ts'
import { spaceAndShape } from './euler-sigmas.ts'
import { computeAlphasCumprod, NOISE_SCHEDULE_FIELDS, sigmasOf } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { sigmaLayout } from './sigma-layout.ts'
import { SIGMA_SHAPE_FIELDS } from './sigma-schedules.ts'
import { predictOriginal, slopeAt } from './sigma-space.ts'
import { SPACING_FIELDS } from './timestep-spacing.ts'

const { fround } = Math

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...SIGMA_SHAPE_FIELDS,
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
}

const HIGHEST_ORDER = 4

/** Linear multistep in σ: the slopes of the last steps, extrapolated by Lagrange's polynomial (k-diffusion's `sample_lms`). */
export const lms: SchedulerKind<typeof FIELDS> = {
  className: 'LMSDiscreteScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  prepare(config) {
    const table = sigmasOf(computeAlphasCumprod(config, false))
    return ({ numInferenceSteps, adjustments }) => {
      const highest = checkOrder(adjustments?.multistepOrder ?? HIGHEST_ORDER)
      const { timesteps, sigmas: spaced } = spaceAndShape(config, table, numInferenceSteps)
      const sigmas = Float32Array.from([...spaced, 0])
      const slopes: Float32Array[] = []

      const step = ({ prediction, latents, index }: StepInput): StepOutput => {
        const sigma = sigmas[index]!
        const original = predictOriginal(config.prediction_type, prediction, latents, sigma)
        slopes.unshift(slopeAt(latents, original, sigma))
        if (slopes.length > highest) slopes.pop()
        // A run that begins later counts its order from the start of the schedule, but has fewer slopes.
        const order = Math.min(index + 1, highest)
        const change = new Float32Array(latents.length)
        for (const [age, slope] of slopes.slice(0, order).entries()) {
          accumulateScaled(change, fround(lagrangeIntegral(sigmas, index, order, age)), slope)
        }
        return { latents: addScaled(latents, 1, change), denoised: original }
      }

      return sigmaLayout({ timesteps, sigmas, spacing: config.timestep_spacing, step })
    }
  },
}

function checkOrder(order: number): number {
  if (Number.isInteger(order) && order >= 1 && order <= HIGHEST_ORDER) return order
  throw new DiffgentorError('invalid_request', `LMS combines 1 to ${HIGHEST_ORDER} slopes, not ${order}.`, { field: 'order' })
}

/** ∫ of the basis polynomial of slope `age` from σ_index to the next level. Two Gauss points are exact up to the third degree. */
function lagrangeIntegral(sigmas: Float32Array, index: number, order: number, age: number): number {
  const from = sigmas[index]!
  const to = sigmas[index + 1]!
  const basis = (sigma: number) => {
    let product = 1
    for (let other = 0; other < order; other++) {
      if (other !== age) product *= (sigma - sigmas[index - other]!) / (sigmas[index - age]! - sigmas[index - other]!)
    }
    return product
  }
  const middle = (from + to) / 2
  const reach = (to - from) / 2 / Math.sqrt(3)
  return ((to - from) / 2) * (basis(middle - reach) + basis(middle + reach))
}
