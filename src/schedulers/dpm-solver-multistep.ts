import { DiffgentorError } from '../errors.ts'
import { THRESHOLDING_FIELDS } from './clipping.ts'
import { choice, flag, integer, number, optionalChoice } from './config-fields.ts'
import { convertPrediction } from './dpm-solver-prediction.ts'
import { applyUpdate, type DpmAlgorithm, type UpdateTerms, updateWeights } from './dpm-solver-weights.ts'
import { computeAlphasCumprodForSigmas, NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { type SolverLevel, solverLevel } from './solver-levels.ts'
import { createSolverTable, finalSigmasType, SOLVER_SIGMA_FIELDS, spaceLuSigmas, spaceSolverSigmas } from './solver-schedule.ts'
import { SPACING_FIELDS, spaceSolverTimesteps } from './timestep-spacing.ts'

const { fround } = Math

/** Below this many steps the last ones fall back to lower orders, which is steadier. */
const FEW_STEPS = 15

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...THRESHOLDING_FIELDS,
  ...SOLVER_SIGMA_FIELDS,
  solver_order: integer(2, 1),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction', 'flow_prediction']),
  algorithm_type: choice('dpmsolver++', ['dpmsolver', 'dpmsolver++', 'sde-dpmsolver', 'sde-dpmsolver++'], {
    deis: 'dpmsolver++',
  }),
  solver_type: choice('midpoint', ['midpoint', 'heun'], { logrho: 'midpoint', bh1: 'midpoint', bh2: 'midpoint' }),
  lower_order_final: flag(true),
  euler_at_final: flag(false),
  use_lu_lambdas: flag(false),
  final_sigmas_type: finalSigmasType(),
  lambda_min_clipped: number(-Infinity),
  variance_type: optionalChoice(['learned', 'learned_range']),
  rescale_betas_zero_snr: flag(false),
  use_dynamic_shifting: flag(false),
  time_shift_type: choice('exponential', ['exponential']),
}

/** Lu et al., "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", 2022. */
export const dpmSolverMultistep: SchedulerKind<typeof FIELDS> = {
  className: 'DPMSolverMultistepScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction', 'flow_prediction'],
  custom: ['timesteps'],
  prepare(config) {
    checkAlgorithm(config.algorithm_type, config.solver_order, config.final_sigmas_type)
    const table = createSolverTable(config, config.rescale_betas_zero_snr)
    const last =
      config.num_train_timesteps -
      countBelowLambda(computeAlphasCumprodForSigmas(config, config.rescale_betas_zero_snr), config.lambda_min_clipped)
    const solvesForPicture = config.algorithm_type.endsWith('++')

    return ({ numInferenceSteps: count, timesteps: given, mu }) => {
      const shifted = mu === undefined ? config : { ...config, flow_shift: Math.exp(mu) }
      const spacing = config.use_lu_lambdas
        ? spaceLuSigmas(config, table, count)
        : spaceSolverSigmas(shifted, table, count, () => given ?? spaceSolverTimesteps(config, count, last))
      const { timesteps } = spacing
      const sigmas = Float32Array.from([...spacing.sigmas, config.final_sigmas_type === 'zero' ? 0 : table.sigmas[0]!])
      const levels = Array.from(sigmas, (sigma) => solverLevel(sigma, config.use_flow_sigmas))
      const outputs: Float32Array[] = []

      const orderAt = (index: number, steps: number): number => {
        const isFew = config.lower_order_final && timesteps.length < FEW_STEPS
        const remaining = timesteps.length - index
        const endsLow = remaining === 1 && (isFew || config.euler_at_final || config.final_sigmas_type === 'zero')
        if (endsLow) return 1
        return Math.min(config.solver_order, steps + 1, remaining === 2 && isFew ? 2 : 3)
      }

      const step = ({ prediction, latents, index, count: steps, drawNoise }: StepInput): StepOutput => {
        const level = levels[index]!
        const { output, denoised } = convertPrediction(
          config.prediction_type,
          solvesForPicture,
          prediction,
          latents,
          level,
          config,
        )
        outputs.unshift(output)
        outputs.length = Math.min(outputs.length, config.solver_order)
        const noise = config.algorithm_type.startsWith('sde-') ? drawNoise() : undefined
        const order = orderAt(index, steps)
        const weights = updateWeights(config.algorithm_type, config.solver_type, order, level, levels[index + 1]!)
        return { latents: applyUpdate(weights, { latents, noise, ...differences(order, outputs, levels, index) }), denoised }
      }

      return {
        timesteps,
        sigmas,
        initNoiseSigma: 1,
        order: 1,
        step,
        noiseWeights: (index) => [levels[index]!.alpha, levels[index]!.sigma],
      }
    }
  },
}

function checkAlgorithm(algorithm: DpmAlgorithm, order: number, finalSigmas: string): void {
  if (!algorithm.endsWith('++') && finalSigmas === 'zero') {
    throw new DiffgentorError(
      'unsupported',
      `algorithm_type ${algorithm} cannot end at noise level 0; set final_sigmas_type to sigma_min.`,
      {
        field: 'final_sigmas_type',
      },
    )
  }
  if (algorithm === 'sde-dpmsolver' && order > 2) {
    throw new DiffgentorError(
      'unsupported',
      'algorithm_type sde-dpmsolver has no third-order step; set solver_order to 1 or 2.',
      {
        field: 'solver_order',
      },
    )
  }
}

/** How many of the noisiest training timesteps lie below a λ. */
function countBelowLambda(alphasCumprod: Float32Array, limit: number): number {
  return alphasCumprod.filter((alpha) => {
    const signal = fround(Math.log(fround(Math.sqrt(alpha))))
    const spread = fround(Math.log(fround(Math.sqrt(fround(1 - alpha)))))
    return fround(signal - spread) < limit
  }).length
}

/** The newest prediction and its divided differences up to the order, newest first in `outputs`. */
function differences(
  order: number,
  outputs: readonly Float32Array[],
  levels: readonly SolverLevel[],
  index: number,
): Pick<UpdateTerms, 'd0' | 'd1' | 'd2'> {
  const d0 = outputs[0]!
  if (order === 1) return { d0 }
  const gap = (newer: number) => fround(levels[newer]!.lambda - levels[newer - 1]!.lambda)
  const h = gap(index + 1)
  const r0 = fround(gap(index) / h)
  const first = scaledDifference(fround(1 / r0), d0, outputs[1]!)
  if (order === 2) return { d0, d1: first }
  const r1 = fround(gap(index - 1) / h)
  const second = scaledDifference(fround(1 / r1), outputs[1]!, outputs[2]!)
  const span = fround(r0 + r1)
  const share = fround(r0 / span)
  const d1 = first.map((value, i) => value + fround(share * fround(value - second[i]!)))
  return { d0, d1, d2: scaledDifference(fround(1 / span), first, second) }
}

function scaledDifference(scale: number, newer: Float32Array, older: Float32Array): Float32Array {
  return newer.map((value, i) => scale * fround(value - older[i]!))
}
