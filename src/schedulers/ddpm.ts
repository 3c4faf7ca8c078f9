import { DiffgentorError } from '../errors.ts'
import { accumulateScaled, weightedSum } from '../tensor/arithmetic.ts'
import { alphaNoiseWeights, decompose } from './alpha-space.ts'
import { CLIPPING_FIELDS, clipSample } from './clipping.ts'
import { choice, flag } from './config-fields.ts'
import { computeAlphasCumprod, NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import { roundHalfToEven } from './number-ranges.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { checkGivenTimesteps, checkStepCount, SPACING_FIELDS, spaceTimesteps, timestepSpacing } from './timestep-spacing.ts'

const { fround, sqrt, log, exp } = Math

/** The reference has a `fixed_large_log` too, which takes the root of a negative number. */
const VARIANCE_TYPES = ['fixed_small', 'fixed_small_log', 'fixed_large', 'learned', 'learned_range'] as const
type VarianceType = (typeof VARIANCE_TYPES)[number]

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...CLIPPING_FIELDS,
  timestep_spacing: timestepSpacing('leading'),
  variance_type: choice('fixed_small', VARIANCE_TYPES),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  rescale_betas_zero_snr: flag(false),
}

/** Below this the logarithm of the variance would run away. */
const SMALLEST_VARIANCE = 1e-20

/** Ho et al., "Denoising diffusion probabilistic models", 2020, over a part of the timesteps. */
export const ddpm: SchedulerKind<typeof FIELDS> = {
  className: 'DDPMScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  custom: ['timesteps'],
  prepare(config) {
    const alphas = computeAlphasCumprod(config, config.rescale_betas_zero_snr)
    return ({ numInferenceSteps, timesteps: given }) => {
      checkStepCount(numInferenceSteps, config.num_train_timesteps)
      const timesteps =
        given === undefined
          ? spaceTimesteps(config, numInferenceSteps).map(roundHalfToEven)
          : checkGivenTimesteps(given, config.num_train_timesteps)

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const alpha = alphas[timesteps[index]!]!
        const next = timesteps[index + 1]
        const previousAlpha = next === undefined ? 1 : alphas[next]!
        const { original } = decompose(config.prediction_type, prediction, latents, alpha)
        clipSample(original, config)
        const mean = posteriorMean(original, latents, alpha, previousAlpha)
        if (timesteps[index]! > 0) {
          const learned = varianceChannels(config.variance_type, prediction, latents.length)
          addVarianceNoise(mean, drawNoise(), config.variance_type, learned, alpha, previousAlpha)
        }
        return { latents: mean, denoised: original }
      }

      return {
        timesteps,
        initNoiseSigma: 1,
        order: 1,
        step,
        noiseWeights: (index) => alphaNoiseWeights(alphas[timesteps[index]!]!),
      }
    }
  },
}

/** Equation 7 of the paper. */
function posteriorMean(original: Float32Array, latents: Float32Array, alpha: number, previousAlpha: number): Float32Array {
  const ratio = fround(alpha / previousAlpha)
  const spread = fround(1 - alpha)
  const originalWeight = fround(fround(fround(sqrt(previousAlpha)) * fround(1 - ratio)) / spread)
  const latentsWeight = fround(fround(fround(sqrt(ratio)) * fround(1 - previousAlpha)) / spread)
  return weightedSum(originalWeight, original, latentsWeight, latents)
}

/** The second half of the prediction, where the model learned its variance. */
function varianceChannels(type: VarianceType, prediction: Float32Array, length: number): Float32Array {
  if (type.startsWith('learned') && prediction.length !== 2 * length) {
    throw new DiffgentorError(
      'unsupported',
      `variance_type ${type} needs a model that predicts its variance; this one does not.`,
      {
        field: 'variance_type',
      },
    )
  }
  return prediction.subarray(length)
}

/** Adds fresh noise to the mean, in place. `learned` holds the variance channels of the prediction. */
function addVarianceNoise(
  mean: Float32Array,
  noise: Float32Array,
  type: VarianceType,
  learned: Float32Array,
  alpha: number,
  previousAlpha: number,
): void {
  const largest = fround(1 - fround(alpha / previousAlpha))
  const smallest = Math.max(fround(fround(fround(1 - previousAlpha) / fround(1 - alpha)) * largest), SMALLEST_VARIANCE)
  switch (type) {
    case 'fixed_small':
    case 'fixed_small_log':
      accumulateScaled(mean, fround(sqrt(smallest)), noise)
      break
    case 'fixed_large':
      accumulateScaled(mean, fround(sqrt(largest)), noise)
      break
    case 'learned':
      for (let i = 0; i < mean.length; i++) mean[i] = mean[i]! + fround(fround(sqrt(learned[i]!)) * noise[i]!)
      break
    case 'learned_range': {
      const high = fround(log(largest))
      const low = fround(log(smallest))
      for (let i = 0; i < mean.length; i++) {
        const share = fround(fround(learned[i]! + 1) / 2)
        const logVariance = fround(fround(share * high) + fround(fround(1 - share) * low))
        mean[i] = mean[i]! + fround(fround(exp(0.5 * logVariance)) * noise[i]!)
      }
    }
  }
}
