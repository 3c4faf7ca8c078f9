import { DiffgentorError } from '../errors.ts'
import { choice, integer } from './config-fields.ts'
import { arangeDown, linspace, roundHalfToEven } from './number-ranges.ts'

/** How timesteps lie in the training range: from end to end, from the start, or from the end. */
export type TimestepSpacing = 'linspace' | 'leading' | 'trailing'

/** The key of the spacing, with a class's default. */
export const timestepSpacing = (fallback: TimestepSpacing) => choice(fallback, ['linspace', 'leading', 'trailing'])

/** Keys of the spacing, with the default of most classes. */
export const SPACING_FIELDS = {
  timestep_spacing: timestepSpacing('linspace'),
  steps_offset: integer(0),
}

/** What the spacing depends on. */
export interface SpacingConfig {
  readonly num_train_timesteps: number
  readonly timestep_spacing: TimestepSpacing
  readonly steps_offset: number
}

/** Timesteps of a run over the whole range, falling. `linspace` gives fractions. */
export function spaceTimesteps(config: SpacingConfig, count: number): number[] {
  const total = config.num_train_timesteps
  switch (config.timestep_spacing) {
    case 'linspace':
      return linspace(0, total - 1, count).reverse()
    case 'leading':
      return spaceByRatio(total, count, count, config.steps_offset)
    case 'trailing':
      return spaceTrailing(total, total / count)
  }
}

/** Timesteps of the DPM-Solver kind, falling whole numbers: `count` of `count + 1` points, the lowest being left to the end of the run. */
export function spaceSolverTimesteps(config: SpacingConfig, count: number, last = config.num_train_timesteps): number[] {
  switch (config.timestep_spacing) {
    case 'linspace':
      return linspace(0, last - 1, count + 1)
        .map(roundHalfToEven)
        .reverse()
        .slice(0, -1)
    case 'leading':
      return spaceByRatio(last, count + 1, count, config.steps_offset)
    case 'trailing':
      return spaceTrailing(last, config.num_train_timesteps / count)
  }
}

/** The highest `kept` of `points` multiples of a whole ratio. */
function spaceByRatio(total: number, points: number, kept: number, offset: number): number[] {
  const ratio = Math.floor(total / points)
  if (ratio === 0) throw tooManySteps(kept, total)
  const timesteps = Array.from({ length: kept }, (_, index) => (points - 1 - index) * ratio + offset)
  if (timesteps[0]! >= total) throw tooManySteps(kept, total)
  return timesteps
}

/** From the end in steps of a fractional ratio. For a few counts the reference goes one below zero; that entry is left out. */
function spaceTrailing(last: number, ratio: number): number[] {
  return arangeDown(last, ratio)
    .map((position) => roundHalfToEven(position) - 1)
    .filter((timestep) => timestep >= 0)
}

/** Refuses more steps than the model was trained on, as the classes do that jump between training timesteps. */
export function checkStepCount(count: number, total: number): void {
  if (count > total) throw tooManySteps(count, total)
}

/** Custom timesteps of the classes that index the training schedule by them: falling whole numbers below `total`. */
export function checkGivenTimesteps(timesteps: readonly number[], total: number): readonly number[] {
  const falls = timesteps.every((timestep, index) => index === 0 || timestep < timesteps[index - 1]!)
  const fits = timesteps.every((timestep) => Number.isInteger(timestep) && timestep >= 0 && timestep < total)
  if (falls && fits) return timesteps
  throw new DiffgentorError(
    'invalid_request',
    `Custom timesteps are falling whole numbers below ${total}, not ${timesteps.join(', ')}.`,
    {
      field: 'timesteps',
    },
  )
}

function tooManySteps(count: number, total: number): DiffgentorError {
  return new DiffgentorError(
    'invalid_request',
    `${count} inference steps do not fit between the model's ${total} training timesteps; take fewer.`,
    { field: 'num_inference_steps' },
  )
}
