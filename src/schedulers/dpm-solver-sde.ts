import { accumulateScaled, weightedSum } from '../tensor/arithmetic.ts'
import { choice, number } from './config-fields.ts'
import { spaceAndShape } from './euler-sigmas.ts'
import { repeatInnerSigmas } from './heun-step.ts'
import { alternate, interleaveMiddles, middleSigma } from './kdpm2-schedule.ts'
import { computeAlphasCumprod, NOISE_SCHEDULE_FIELDS, sigmasOf } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { sigmaLayout } from './sigma-layout.ts'
import { SIGMA_SHAPE_FIELDS } from './sigma-schedules.ts'
import { moveAlongDerivative, predictOriginal } from './sigma-space.ts'
import { SPACING_FIELDS } from './timestep-spacing.ts'

const { fround, sqrt, log, expm1 } = Math

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...SIGMA_SHAPE_FIELDS,
  beta_start: number(0.00085),
  beta_end: number(0.012),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
}

/** What the first call of a step leaves for the second: where it began and its path of noise to the middle. */
interface HalfStep {
  readonly latents: Float32Array
  readonly path: Float32Array
}

/** DPM-Solver++ of second order with noise along a Brownian path (k-diffusion's `sample_dpmpp_sde`). */
export const dpmSolverSde: SchedulerKind<typeof FIELDS> = {
  className: 'DPMSolverSDEScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  warning: "DPMSolverSDEScheduler draws its noise from the image's own generator, so its pictures are not those of diffusers.",
  prepare(config) {
    const table = sigmasOf(computeAlphasCumprod(config, false))
    return ({ numInferenceSteps, adjustments }) => {
      const spaced = spaceAndShape(config, table, numInferenceSteps)
      const sigmas = repeatInnerSigmas(spaced.sigmas, 0)
      const levels = [...spaced.sigmas, 0].map(fround)
      const middles = levels.slice(1).map((sigma, index) => middleSigma(levels[index]!, sigma))
      const levelAt = alternate(levels, middles)
      const scale = adjustments?.noiseScale ?? 1
      let half: HalfStep | undefined

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const entry = Math.floor(index / 2)
        const [from, middle, end] = [levels[entry]!, middles[entry]!, levels[entry + 1]!]
        const original = predictOriginal(config.prediction_type, prediction, latents, levelAt(index))
        if (end === 0) return { latents: moveAlongDerivative(latents, original, from, -from), denoised: original }
        const drawn = drawNoise()
        if (half === undefined) {
          half = { latents, path: drawn }
          return { latents: jump(latents, original, from, middle, drawn, scale), denoised: original }
        }
        const { latents: start, path } = half
        half = undefined
        return {
          latents: jump(start, original, from, end, joinPaths(path, from - middle, drawn, middle - end), scale),
          denoised: original,
        }
      }

      const timesteps = interleaveMiddles(spaced.timesteps, middles, table)
      return sigmaLayout({ timesteps, sigmas, spacing: config.timestep_spacing, order: 2, step, levelAt })
    }
  },
}

/** Normal noise over two adjoining stretches of one Brownian path, from that over each. */
function joinPaths(first: Float32Array, firstLength: number, second: Float32Array, secondLength: number): Float32Array {
  const whole = firstLength + secondLength
  const [firstWeight, secondWeight] = [sqrt(firstLength / whole), sqrt(secondLength / whole)]
  return weightedSum(firstWeight, first, secondWeight, second)
}

/** The exponential step toward the predicted picture to a level below `to`, then noise up to it. */
function jump(
  latents: Float32Array,
  original: Float32Array,
  from: number,
  to: number,
  noise: Float32Array,
  scale: number,
): Float32Array {
  const toPower = fround(to * to)
  const fromPower = fround(from * from)
  const up = Math.min(to, fround(sqrt(fround(fround(toPower * fround(fromPower - toPower)) / fromPower))))
  const down = fround(sqrt(fround(toPower - fround(up * up))))
  const kept = fround(down / from)
  const lost = fround(expm1(fround(fround(log(down)) - fround(log(from)))))
  const next = weightedSum(kept, latents, -lost, original)
  accumulateScaled(next, fround(scale * up), noise)
  return next
}
