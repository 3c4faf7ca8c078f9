import { DiffgentorError } from '../errors.ts'
import { THRESHOLDING_FIELDS } from './clipping.ts'
import { choice, flag, integer, number, optionalChoice } from './config-fields.ts'
import type { DpmAlgorithm } from './dpm-solver-weights.ts'
import { NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import type { PredictionType } from './scheduler.ts'
import { finalSigmasType, SOLVER_SIGMA_FIELDS } from './solver-schedule.ts'

const { fround } = Math

/** The word for DPM-Solver's second-order term, and what other solvers' words are read as. */
export const dpmSolverType = () =>
  choice('midpoint', ['midpoint', 'heun'], { logrho: 'midpoint', bh1: 'midpoint', bh2: 'midpoint' })

/** Keys that the multistep and the singlestep class share. */
export const DPM_SOLVER_FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...THRESHOLDING_FIELDS,
  ...SOLVER_SIGMA_FIELDS,
  solver_order: integer(2, 1),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction', 'flow_prediction']),
  solver_type: dpmSolverType(),
  final_sigmas_type: finalSigmasType(),
  lambda_min_clipped: number(-Infinity),
  variance_type: optionalChoice(['learned', 'learned_range']),
  use_dynamic_shifting: flag(false),
  time_shift_type: choice('exponential', ['exponential']),
}

interface AlgorithmConfig {
  readonly algorithm_type: DpmAlgorithm
  readonly solver_order: number
  readonly final_sigmas_type: 'zero' | 'sigma_min'
  readonly prediction_type: PredictionType
}

/** Refuses combinations that the algorithms cannot run. */
export function checkDpmAlgorithm(config: AlgorithmConfig): void {
  const { algorithm_type: algorithm, solver_order: order } = config
  if (order > 3) throw unsupported(`solver_order goes from 1 to 3, not to ${order}.`, 'solver_order')
  if (algorithm === 'sde-dpmsolver' && order > 2) {
    throw unsupported('algorithm_type sde-dpmsolver has no third-order step; set solver_order to 1 or 2.', 'solver_order')
  }
  if (algorithm.endsWith('++')) return
  if (config.final_sigmas_type === 'zero') {
    throw unsupported(
      `algorithm_type ${algorithm} cannot end at noise level 0; set final_sigmas_type to sigma_min.`,
      'final_sigmas_type',
    )
  }
  if (config.prediction_type === 'flow_prediction') {
    throw unsupported(`algorithm_type ${algorithm} cannot work with flow predictions; take dpmsolver++.`, 'algorithm_type')
  }
}

function unsupported(message: string, field: string): DiffgentorError {
  return new DiffgentorError('unsupported', message, { field })
}

/** How many of the noisiest training timesteps lie below a λ, and are left out. */
export function countBelowLambda(alphasCumprod: Float32Array, limit: number): number {
  return alphasCumprod.filter((alpha) => {
    const signal = fround(Math.log(fround(Math.sqrt(alpha))))
    const spread = fround(Math.log(fround(Math.sqrt(fround(1 - alpha)))))
    return fround(signal - spread) < limit
  }).length
}
