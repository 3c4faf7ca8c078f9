import { DiffgentorError } from '../errors.ts'
import { alphaNoiseWeights } from './alpha-space.ts'
import { CLIPPING_FIELDS } from './clipping.ts'
import { type ConfigOf, choice, flag, integer, number } from './config-fields.ts'
import { computeAlphasCumprod, NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import type { ScheduleOptions } from './scheduler.ts'
import type { LayOut, Layout } from './scheduler-kind.ts'
import { checkGivenTimesteps, checkStepCount, SPACING_FIELDS, timestepSpacing } from './timestep-spacing.ts'

/** Keys of the classes for consistency-distilled models. */
export const DISTILLED_FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...CLIPPING_FIELDS,
  beta_start: number(0.00085),
  beta_end: number(0.012),
  beta_schedule: choice('scaled_linear', ['linear', 'scaled_linear', 'squaredcos_cap_v2']),
  timestep_spacing: timestepSpacing('leading'),
  original_inference_steps: integer(50, 1),
  clip_sample: flag(false),
  set_alpha_to_one: flag(true),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  timestep_scaling: number(10),
  rescale_betas_zero_snr: flag(false),
}

export type DistilledConfig = ConfigOf<typeof DISTILLED_FIELDS>

/** What the steps of a run are computed from. */
export interface DistilledRun {
  /** ᾱ of every training timestep. */
  readonly alphas: Float32Array
  /** Timesteps of the run, falling. */
  readonly timesteps: readonly number[]
  /** Index of the last step. */
  readonly last: number
}

/** Lays out runs over the timesteps that a model was distilled on; `createStep` makes the step that is particular to the class. */
export function prepareDistilled(
  config: DistilledConfig,
  createStep: (run: DistilledRun, options: ScheduleOptions) => Layout['step'],
): LayOut {
  const alphas = computeAlphasCumprod(config, config.rescale_betas_zero_snr)
  return (options) => {
    const timesteps = spaceDistilledTimesteps(config, options)
    return {
      timesteps,
      initNoiseSigma: 1,
      order: 1,
      step: createStep({ alphas, timesteps, last: options.numInferenceSteps - 1 }, options),
      noiseWeights: (index) => alphaNoiseWeights(alphas[timesteps[index]!]!),
    }
  }
}

/**
 * Timesteps of a run, falling: an even choice among those that the model was distilled on (`original_inference_steps` of them,
 * less those that a `strength` below 1 leaves out), or the given ones.
 */
function spaceDistilledTimesteps(config: DistilledConfig, options: ScheduleOptions): number[] {
  const { num_train_timesteps: total, original_inference_steps: original } = config
  const { numInferenceSteps: count, strength = 1 } = options
  checkStepCount(original, total)
  if (options.timesteps !== undefined) return startByStrength(checkGivenTimesteps(options.timesteps, total), strength)
  const available = Math.trunc(original * strength)
  if (count > available) {
    throw new DiffgentorError(
      'invalid_request',
      `${count} inference steps are more than the ${available} that the model was distilled on at this strength; take fewer steps or a higher strength.`,
      { field: 'num_inference_steps' },
    )
  }
  const stride = Math.floor(total / original)
  return Array.from({ length: count }, (_, index) => (available - Math.floor((index * available) / count)) * stride - 1)
}

function startByStrength(timesteps: readonly number[], strength: number): number[] {
  const kept = Math.min(Math.trunc(timesteps.length * strength), timesteps.length)
  return timesteps.slice(timesteps.length - kept)
}
