import { type ConfigOf, choice, flag, number } from './config-fields.ts'
import { computeAlphasCumprodForSigmas, type NoiseScheduleConfig, sigmasOf } from './noise-schedule.ts'
import { interpolateAt, linspace, roundHalfToEven } from './number-ranges.ts'
import { SIGMA_SHAPE_FIELDS, shapeSigmas, sigmaShapeOf, solverFlowSigmas } from './sigma-schedules.ts'
import { createSigmaToTimestep } from './sigma-to-timestep.ts'

const { fround } = Math

/** Keys that the exponential-integrator classes share. */
export const SOLVER_SIGMA_FIELDS = {
  ...SIGMA_SHAPE_FIELDS,
  use_flow_sigmas: flag(false),
  flow_shift: number(1),
}

export type SolverSigmaConfig = ConfigOf<typeof SOLVER_SIGMA_FIELDS> &
  NoiseScheduleConfig & { readonly sigma_min?: number | null; readonly sigma_max?: number | null }

/** The training schedule in σ. */
export interface SolverTable {
  /** Noise levels of every training timestep, rising. */
  readonly sigmas: Float32Array
  readonly timestepOf: (sigma: number) => number
}

/** Computes the table of a training schedule. */
export function createSolverTable(config: NoiseScheduleConfig, rescaleToZeroSnr: boolean): SolverTable {
  const sigmas = sigmasOf(computeAlphasCumprodForSigmas(config, rescaleToZeroSnr))
  return { sigmas, timestepOf: createSigmaToTimestep(sigmas) }
}

/** A laid-out schedule before its final level. */
export interface SolverSpacing {
  readonly timesteps: number[]
  /** One for every timestep, in double; the final level is not among them. */
  readonly sigmas: number[]
}

/** The spaced timesteps and their levels, or those of the shape that is configured. Timesteps are whole numbers. */
export function spaceSolverSigmas(
  config: SolverSigmaConfig,
  table: SolverTable,
  count: number,
  roundsKarras: boolean,
  spaced: () => readonly number[],
): SolverSpacing {
  const shape = sigmaShapeOf(config)
  if (shape !== undefined) {
    const sigmas = shapeSigmas(shape, config.sigma_max ?? table.sigmas.at(-1)!, config.sigma_min ?? table.sigmas[0]!, count)
    // Only Karras' timesteps are rounded in the reference; the others are cut off.
    return {
      sigmas,
      timesteps: sigmas.map(table.timestepOf).map(shape === 'karras' && roundsKarras ? roundHalfToEven : Math.trunc),
    }
  }
  if (config.use_flow_sigmas) {
    const sigmas = solverFlowSigmas(config.num_train_timesteps, count, config.flow_shift)
    return { sigmas, timesteps: sigmas.map((sigma) => Math.trunc(sigma * config.num_train_timesteps)) }
  }
  const timesteps = [...spaced()]
  return { timesteps, sigmas: timesteps.map((timestep) => interpolateAt(table.sigmas, timestep)) }
}

/** Levels evenly spaced in their logarithm over the whole table (Lu et al., DPM-Solver, 2022). */
export function spaceLuSigmas(table: SolverTable, count: number, roundsTimesteps: boolean): SolverSpacing {
  const highest = fround(Math.log(table.sigmas.at(-1)!))
  const lowest = fround(Math.log(table.sigmas[0]!))
  const sigmas = linspace(0, 1, count).map((position) => Math.exp(highest + position * (lowest - highest)))
  return { sigmas, timesteps: sigmas.map(table.timestepOf).map(roundsTimesteps ? roundHalfToEven : Math.trunc) }
}

/** Where the levels end: at 0, or at the smallest level of the training schedule. */
export const finalSigmasType = () => choice('zero', ['zero', 'sigma_min'])
