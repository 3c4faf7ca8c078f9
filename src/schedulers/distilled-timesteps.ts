import { DiffgentorError } from '../errors.ts'
import { choice, number } from './config-fields.ts'
import { NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import type { ScheduleOptions } from './scheduler.ts'
import { checkGivenTimesteps, checkStepCount } from './timestep-spacing.ts'

/** Training schedule of consistency-distilled models. */
export const DISTILLED_NOISE_FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  beta_start: number(0.00085),
  beta_end: number(0.012),
  beta_schedule: choice('scaled_linear', ['linear', 'scaled_linear', 'squaredcos_cap_v2']),
}

interface DistilledConfig {
  readonly num_train_timesteps: number
  readonly original_inference_steps: number
}

/**
 * Timesteps of a run, falling: an even choice among those that the model was distilled on (`original_inference_steps` of them,
 * less those that a `strength` below 1 leaves out), or the given ones.
 */
export function spaceDistilledTimesteps(config: DistilledConfig, options: ScheduleOptions): number[] {
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
