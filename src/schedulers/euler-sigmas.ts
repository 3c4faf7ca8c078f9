import { type ConfigOf, optionalNumber } from './config-fields.ts'
import { interpolateAt } from './number-ranges.ts'
import { checkUnshaped, SIGMA_SHAPE_FIELDS, shapeSigmas, sigmaShapeOf } from './sigma-schedules.ts'
import { createSigmaToTimestep } from './sigma-to-timestep.ts'
import { type SpacingConfig, spaceTimesteps } from './timestep-spacing.ts'

/** Keys of the classes that shape the noise levels of spaced timesteps. */
export const EULER_SIGMA_FIELDS = { ...SIGMA_SHAPE_FIELDS, sigma_min: optionalNumber(), sigma_max: optionalNumber() }

type SigmaConfig = ConfigOf<typeof SIGMA_SHAPE_FIELDS> & {
  readonly sigma_min?: number | null
  readonly sigma_max?: number | null
}

/** A laid-out schedule in σ. */
export interface TimestepsAndSigmas {
  /** Fractional, in float32. */
  readonly timesteps: number[]
  /** One for every timestep, in double; the final level is not among them. */
  readonly sigmas: number[]
}

/** Timesteps as spaced (or given) and their noise levels. */
export function spaceWithSigmas(
  config: SpacingConfig,
  table: Float32Array,
  count: number,
  given?: readonly number[],
): TimestepsAndSigmas {
  const timesteps = (given ?? spaceTimesteps(config, count)).map(Math.fround)
  return { timesteps, sigmas: timesteps.map((timestep) => interpolateAt(table, timestep)) }
}

/** Replaces the levels between the first and the last by the shape that is configured, with the timesteps that belong to them. */
export function shapeSpacedSigmas(config: SigmaConfig, table: Float32Array, spaced: TimestepsAndSigmas): TimestepsAndSigmas {
  const shape = sigmaShapeOf(config)
  if (shape === undefined) return spaced
  const highest = config.sigma_max ?? spaced.sigmas[0]!
  const lowest = config.sigma_min ?? spaced.sigmas.at(-1)!
  const sigmas = shapeSigmas(shape, highest, lowest, spaced.timesteps.length)
  return { sigmas, timesteps: sigmas.map(createSigmaToTimestep(table)) }
}

/** Spaced, shaped where configured; custom timesteps only where not. */
export function spaceAndShape(
  config: SpacingConfig & SigmaConfig,
  table: Float32Array,
  count: number,
  given?: readonly number[],
): TimestepsAndSigmas {
  checkUnshaped(config, given)
  return shapeSpacedSigmas(config, table, spaceWithSigmas(config, table, count, given))
}
