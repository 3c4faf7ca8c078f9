import { addScaled } from '../tensor/arithmetic.ts'
import { type ConfigOf, choice, flag } from './config-fields.ts'
import { EULER_SIGMA_FIELDS, shapeSpacedSigmas, spaceWithSigmas, type TimestepsAndSigmas } from './euler-sigmas.ts'
import { computeAlphasCumprodForSigmas, NOISE_SCHEDULE_FIELDS, sigmasOf } from './noise-schedule.ts'
import { linspaceFloat32 } from './number-ranges.ts'
import type { ScheduleOptions, StepAdjustments } from './scheduler.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { sigmaLayout } from './sigma-layout.ts'
import { checkUnshaped } from './sigma-schedules.ts'
import { moveAlongDerivative, predictOriginal } from './sigma-space.ts'
import { createSigmaToTimestep } from './sigma-to-timestep.ts'
import { SPACING_FIELDS } from './timestep-spacing.ts'

const { fround, sqrt } = Math

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...EULER_SIGMA_FIELDS,
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction'], { original_sample: 'sample' }),
  interpolation_type: choice('linear', ['linear', 'log_linear']),
  timestep_type: choice('discrete', ['discrete', 'continuous']),
  final_sigmas_type: choice('zero', ['zero', 'sigma_min']),
  rescale_betas_zero_snr: flag(false),
}

type EulerConfig = ConfigOf<typeof FIELDS>

/** Karras et al., "Elucidating the design space of diffusion-based generative models", 2022, algorithm 2 without its second half. */
export const euler: SchedulerKind<typeof FIELDS> = {
  className: 'EulerDiscreteScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  custom: ['timesteps', 'sigmas'],
  prepare(config) {
    const table = sigmasOf(computeAlphasCumprodForSigmas(config, config.rescale_betas_zero_snr))
    const isContinuous = config.timestep_type === 'continuous' && config.prediction_type === 'v_prediction'
    return (options) => {
      const { adjustments } = options
      const laidOut = options.sigmas === undefined ? layOut(config, table, options) : layOutGiven(table, options.sigmas)
      const sigmas = Float32Array.from(laidOut.sigmas)
      const timesteps = isContinuous ? Array.from(sigmas.subarray(0, -1), quarterLog) : laidOut.timesteps

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const sigma = sigmas[index]!
        const raised = fround(sigma * fround(1 + churnAt(sigma, sigmas.length - 1, adjustments)))
        const noised = raised > sigma ? raiseNoise(latents, drawNoise(), sigma, raised, adjustments?.noiseScale ?? 1) : latents
        const original = predictOriginal(config.prediction_type, prediction, noised, sigma, raised)
        return { latents: moveAlongDerivative(noised, original, raised, fround(sigmas[index + 1]! - raised)), denoised: original }
      }

      return sigmaLayout({ timesteps, sigmas, spacing: config.timestep_spacing, step })
    }
  },
}

/** Spaced timesteps with their levels, shaped where configured, and the final level. */
function layOut(config: EulerConfig, table: Float32Array, options: ScheduleOptions): TimestepsAndSigmas {
  checkUnshaped(config, options.timesteps)
  const spaced = spaceWithSigmas(config, table, options.numInferenceSteps, options.timesteps)
  // Log-linear levels bring a final one of their own; the configured one follows it.
  const sigmas = config.interpolation_type === 'linear' ? spaced.sigmas : logLinearSigmas(table, spaced.sigmas.length)
  const shaped = shapeSpacedSigmas(config, table, { ...spaced, sigmas })
  return { ...shaped, sigmas: [...shaped.sigmas, config.final_sigmas_type === 'zero' ? 0 : table[0]!] }
}

/** Given levels, the last one being where the run ends. */
function layOutGiven(table: Float32Array, sigmas: readonly number[]): TimestepsAndSigmas {
  return { sigmas: [...sigmas], timesteps: sigmas.slice(0, -1).map(createSigmaToTimestep(table)).map(fround) }
}

/** What continuous-time models are told for a level. */
function quarterLog(sigma: number): number {
  return fround(0.25 * fround(Math.log(sigma)))
}

function logLinearSigmas(table: Float32Array, count: number): number[] {
  return Array.from(linspaceFloat32(Math.log(table.at(-1)!), Math.log(table[0]!), count + 1), Math.exp)
}

/** Share by which the noise level is raised before a step. */
function churnAt(sigma: number, count: number, adjustments: StepAdjustments | undefined): number {
  const churn = adjustments?.churn
  if (churn === undefined || sigma < churn.fromSigma || sigma > churn.toSigma) return 0
  return Math.min(churn.amount / count, Math.SQRT2 - 1)
}

function raiseNoise(latents: Float32Array, noise: Float32Array, sigma: number, raised: number, scale: number): Float32Array {
  const spread = fround(sqrt(fround(fround(raised * raised) - fround(sigma * sigma))))
  return addScaled(latents, fround(scale * spread), noise)
}
