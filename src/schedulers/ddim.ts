import { accumulateScaled, weightedSum } from '../tensor/arithmetic.ts'
import { alphaNoiseWeights, decompose, noiseToward } from './alpha-space.ts'
import { CLIPPING_FIELDS, clipSample } from './clipping.ts'
import { choice, flag } from './config-fields.ts'
import { computeAlphasCumprod, NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import { roundHalfToEven } from './number-ranges.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { checkStepCount, SPACING_FIELDS, spaceTimesteps, timestepSpacing } from './timestep-spacing.ts'

const { fround, sqrt } = Math

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...CLIPPING_FIELDS,
  timestep_spacing: timestepSpacing('leading'),
  set_alpha_to_one: flag(true),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  rescale_betas_zero_snr: flag(false),
}

/** Song et al., "Denoising diffusion implicit models", 2020. */
export const ddim: SchedulerKind<typeof FIELDS> = {
  className: 'DDIMScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  prepare(config) {
    const alphas = computeAlphasCumprod(config, config.rescale_betas_zero_snr)
    const finalAlpha = config.set_alpha_to_one ? 1 : alphas[0]!
    return ({ numInferenceSteps, eta = 0, adjustments }) => {
      checkStepCount(numInferenceSteps, config.num_train_timesteps)
      const timesteps = spaceTimesteps(config, numInferenceSteps).map(roundHalfToEven)
      const stride = Math.floor(config.num_train_timesteps / numInferenceSteps)

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const timestep = timesteps[index]!
        const alpha = alphas[timestep]!
        const previousAlpha = timestep >= stride ? alphas[timestep - stride]! : finalAlpha
        const { original, noise } = decompose(config.prediction_type, prediction, latents, alpha)
        clipSample(original, config)
        const deviation = fround(eta * fround(sqrt(varianceBetween(alpha, previousAlpha))))
        const direction = adjustments?.useClippedModelOutput ? noiseToward(original, latents, alpha) : noise
        const signal = fround(sqrt(previousAlpha))
        const spread = fround(sqrt(fround(fround(1 - previousAlpha) - fround(deviation * deviation))))
        const next = weightedSum(signal, original, spread, direction)
        if (eta > 0) accumulateScaled(next, deviation, drawNoise())
        return { latents: next, denoised: original }
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

function varianceBetween(alpha: number, previousAlpha: number): number {
  return fround(fround(fround(1 - previousAlpha) / fround(1 - alpha)) * fround(1 - fround(alpha / previousAlpha)))
}
