import { type ConfigOf, choice, number } from './config-fields.ts'
import { spaceAndShape, type TimestepsAndSigmas } from './euler-sigmas.ts'
import { NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import { roundHalfToEven } from './number-ranges.ts'
import { SIGMA_SHAPE_FIELDS } from './sigma-schedules.ts'
import { createSigmaToTimestep } from './sigma-to-timestep.ts'
import { SPACING_FIELDS } from './timestep-spacing.ts'

const { fround, log, exp } = Math

/** Keys of both KDPM2 classes. */
export const KDPM2_FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...SIGMA_SHAPE_FIELDS,
  beta_start: number(0.00085),
  beta_end: number(0.012),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
}

/** Spaced timesteps and levels; Karras' timesteps are rounded here. */
export function spaceKdpm2(config: ConfigOf<typeof KDPM2_FIELDS>, table: Float32Array, count: number): TimestepsAndSigmas {
  const spaced = spaceAndShape(config, table, count)
  return config.use_karras_sigmas ? { ...spaced, timesteps: spaced.timesteps.map(roundHalfToEven) } : spaced
}

/** The level midway in the logarithm; 0 where one of them is. */
export function middleSigma(from: number, to: number): number {
  if (to === 0) return 0
  const low = fround(log(from))
  const high = fround(log(to))
  return fround(exp(fround(high - fround(fround(high - low) * 0.5))))
}

/** The level of a call: that of its step's start, or of its middle. */
export function alternate(levels: readonly number[], middles: readonly number[]): (index: number) => number {
  return (index) => (index % 2 === 0 ? levels : middles)[Math.floor(index / 2)]!
}

/** Timesteps of the calls: each step's start, then its middle, but for the last step. */
export function interleaveMiddles(timesteps: readonly number[], middles: readonly number[], table: Float32Array): number[] {
  const timestepOf = createSigmaToTimestep(table)
  return timesteps.flatMap((timestep, index) => (index === 0 ? [timestep] : [fround(timestepOf(middles[index - 1]!)), timestep]))
}
