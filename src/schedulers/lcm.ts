import { weightedSum } from '../tensor/arithmetic.ts'
import { alphaNoiseWeights, decompose } from './alpha-space.ts'
import { CLIPPING_FIELDS, clipSample } from './clipping.ts'
import { choice, flag, integer, number } from './config-fields.ts'
import { DISTILLED_NOISE_FIELDS, spaceDistilledTimesteps } from './distilled-timesteps.ts'
import { computeAlphasCumprod } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { SPACING_FIELDS, timestepSpacing } from './timestep-spacing.ts'

const { fround } = Math

const FIELDS = {
  ...DISTILLED_NOISE_FIELDS,
  ...SPACING_FIELDS,
  ...CLIPPING_FIELDS,
  timestep_spacing: timestepSpacing('leading'),
  original_inference_steps: integer(50, 1),
  clip_sample: flag(false),
  set_alpha_to_one: flag(true),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  timestep_scaling: number(10),
  rescale_betas_zero_snr: flag(false),
}

/** Standard deviation of the data that the boundary condition assumes. */
const SIGMA_DATA = 0.5

/** Luo et al., "Latent consistency models", 2023. */
export const lcm: SchedulerKind<typeof FIELDS> = {
  className: 'LCMScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  custom: ['timesteps'],
  prepare(config) {
    const alphas = computeAlphasCumprod(config, config.rescale_betas_zero_snr)
    return (options) => {
      const timesteps = spaceDistilledTimesteps(config, options)
      const last = options.numInferenceSteps - 1

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const timestep = timesteps[index]!
        const { original } = decompose(config.prediction_type, prediction, latents, alphas[timestep]!)
        clipSample(original, config)
        const { skip, out } = boundaryWeights(timestep * config.timestep_scaling)
        const denoised = weightedSum(out, original, skip, latents)
        if (index === last) return { latents: denoised, denoised }
        const [signal, spread] = alphaNoiseWeights(alphas[timesteps[index + 1] ?? timestep]!)
        return { latents: weightedSum(signal, denoised, spread, drawNoise()), denoised }
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

/** Weights that make the model the identity at timestep 0. */
function boundaryWeights(time: number): { skip: number; out: number } {
  const power = time ** 2 + SIGMA_DATA ** 2
  return { skip: fround(SIGMA_DATA ** 2 / power), out: fround(time / Math.sqrt(power)) }
}
