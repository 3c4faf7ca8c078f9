import { DiffgentorError } from '../errors.ts'
import { weightedSum } from '../tensor/arithmetic.ts'
import { alphaNoiseWeights, decompose } from './alpha-space.ts'
import { THRESHOLDING_FIELDS } from './clipping.ts'
import { choice, flag, integer, number } from './config-fields.ts'
import { DISTILLED_NOISE_FIELDS, spaceDistilledTimesteps } from './distilled-timesteps.ts'
import { computeAlphasCumprod } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { SPACING_FIELDS, timestepSpacing } from './timestep-spacing.ts'

const { fround } = Math

const FIELDS = {
  ...DISTILLED_NOISE_FIELDS,
  ...SPACING_FIELDS,
  ...THRESHOLDING_FIELDS,
  timestep_spacing: timestepSpacing('leading'),
  original_inference_steps: integer(50, 1),
  clip_sample: flag(false),
  clip_sample_range: number(1),
  set_alpha_to_one: flag(true),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  timestep_scaling: number(10),
  rescale_betas_zero_snr: flag(false),
}

/** How far each step goes past the next timestep before noise brings it back, as a share of that timestep. */
const DEFAULT_ETA = 0.3

/** Zheng et al., "Trajectory consistency distillation", 2024. The class ignores its clipping options, as the reference does. */
export const tcd: SchedulerKind<typeof FIELDS> = {
  className: 'TCDScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  custom: ['timesteps'],
  prepare(config) {
    const alphas = computeAlphasCumprod(config, config.rescale_betas_zero_snr)
    return (options) => {
      const timesteps = spaceDistilledTimesteps(config, options)
      const last = options.numInferenceSteps - 1
      const eta = checkEta(options.eta ?? DEFAULT_ETA)

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const next = timesteps[index + 1] ?? 0
        const passed = alphas[Math.floor(fround(fround(1 - eta) * next))]!
        const { original, noise } = decompose(config.prediction_type, prediction, latents, alphas[timesteps[index]!]!)
        const [signal, spread] = alphaNoiseWeights(passed)
        const moved = weightedSum(signal, original, spread, noise)
        if (eta === 0 || index === last) return { latents: moved, denoised: original }
        const [kept, fresh] = alphaNoiseWeights(fround(alphas[next]! / passed))
        return { latents: weightedSum(kept, moved, fresh, drawNoise()), denoised: original }
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

function checkEta(eta: number): number {
  if (eta >= 0 && eta <= 1) return eta
  throw new DiffgentorError('invalid_request', `The eta of TCDScheduler is between 0 and 1, not ${eta}.`, { field: 'eta' })
}
