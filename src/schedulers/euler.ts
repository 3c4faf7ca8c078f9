import { addScaled } from '../tensor/arithmetic.ts'
import { choice, flag } from './config-fields.ts'
import { EULER_SIGMA_FIELDS, shapeSpacedSigmas, spaceWithSigmas, type TimestepsAndSigmas } from './euler-sigmas.ts'
import { computeAlphasCumprodForSigmas, NOISE_SCHEDULE_FIELDS, sigmasOf } from './noise-schedule.ts'
import { linspaceFloat32 } from './number-ranges.ts'
import type { StepAdjustments } from './scheduler.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { checkUnshaped } from './sigma-schedules.ts'
import { initialNoiseSigma, inputDivisorAt, moveAlongDerivative, predictOriginal } from './sigma-space.ts'
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

/** Karras et al., "Elucidating the design space of diffusion-based generative models", 2022, algorithm 2 without its second half. */
export const euler: SchedulerKind<typeof FIELDS> = {
  className: 'EulerDiscreteScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  custom: ['timesteps', 'sigmas'],
  prepare(config) {
    const table = sigmasOf(computeAlphasCumprodForSigmas(config, config.rescale_betas_zero_snr))
    const isContinuous = config.timestep_type === 'continuous' && config.prediction_type === 'v_prediction'
    return ({ numInferenceSteps, timesteps: givenTimesteps, sigmas: givenSigmas, adjustments }) => {
      const laidOut = givenSigmas === undefined ? layOut(givenTimesteps) : layOutSigmas(givenSigmas)
      const sigmas = Float32Array.from(laidOut.sigmas)
      const timesteps = isContinuous
        ? Array.from(sigmas.subarray(0, -1), (sigma) => fround(0.25 * fround(Math.log(sigma))))
        : laidOut.timesteps

      function layOut(given: readonly number[] | undefined): TimestepsAndSigmas {
        checkUnshaped(config, given)
        const spaced = spaceWithSigmas(config, table, numInferenceSteps, given)
        const placed =
          config.interpolation_type === 'linear' ? spaced : { ...spaced, sigmas: logLinearSigmas(table, spaced.sigmas.length) }
        const shaped = shapeSpacedSigmas(config, table, placed)
        // Log-linear levels bring their own final one, and it is kept before the final level.
        return { ...shaped, sigmas: [...shaped.sigmas, config.final_sigmas_type === 'zero' ? 0 : table[0]!] }
      }
      function layOutSigmas(given: readonly number[]): TimestepsAndSigmas {
        return { sigmas: [...given], timesteps: given.slice(0, -1).map(createSigmaToTimestep(table)).map(fround) }
      }

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const sigma = sigmas[index]!
        const raised = fround(sigma * fround(1 + churnAt(sigma, sigmas.length - 1, adjustments)))
        const noised = raised > sigma ? raiseNoise(latents, drawNoise(), sigma, raised, adjustments?.noiseScale ?? 1) : latents
        const original = predictOriginal(config.prediction_type, prediction, noised, sigma, raised)
        return { latents: moveAlongDerivative(noised, original, raised, fround(sigmas[index + 1]! - raised)), denoised: original }
      }

      return {
        timesteps,
        sigmas,
        initNoiseSigma: initialNoiseSigma(sigmas, config.timestep_spacing),
        order: 1,
        step,
        inputDivisor: (index) => inputDivisorAt(sigmas[index]!),
        noiseWeights: (index) => [1, sigmas[index]!],
      }
    }
  },
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
