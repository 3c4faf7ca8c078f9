import { divideBy, scaledDifference, weightedSum } from '../tensor/arithmetic.ts'
import { choice, flag } from './config-fields.ts'
import { checkDpmAlgorithm, countBelowLambda, DPM_SOLVER_FIELDS } from './dpm-solver-fields.ts'
import { applyUpdate, type DpmSolverType, type UpdateTerms, updateWeights } from './dpm-solver-weights.ts'
import { computeAlphasCumprod } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { checkUnshaped } from './sigma-schedules.ts'
import { type SolverLevel, solverLevel } from './solver-levels.ts'
import { convertToNoise, convertToPicture } from './solver-prediction.ts'
import { createSolverTable, spaceSolverSigmas } from './solver-schedule.ts'
import { spaceSolverTimesteps } from './timestep-spacing.ts'

const { fround } = Math

const FIELDS = {
  ...DPM_SOLVER_FIELDS,
  algorithm_type: choice('dpmsolver++', ['dpmsolver', 'dpmsolver++', 'sde-dpmsolver++'], { deis: 'dpmsolver++' }),
  lower_order_final: flag(false),
}

/** DPM-Solver++ in rounds of one to three calls, each round starting from the same latents (Lu et al. 2022). */
export const dpmSolverSinglestep: SchedulerKind<typeof FIELDS> = {
  className: 'DPMSolverSinglestepScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction', 'flow_prediction'],
  custom: ['timesteps'],
  prepare(config) {
    checkDpmAlgorithm(config)
    const table = createSolverTable(config, false)
    const last = config.num_train_timesteps - countBelowLambda(computeAlphasCumprod(config, false), config.lambda_min_clipped)
    const spacing = { ...config, timestep_spacing: 'linspace', steps_offset: 0 } as const
    const convert = config.algorithm_type.endsWith('++') ? convertToPicture : convertToNoise

    return ({ numInferenceSteps: count, timesteps: given, mu }) => {
      checkUnshaped(config, given)
      const shifted = mu === undefined ? config : { ...config, flow_shift: Math.exp(mu) }
      const spaced = spaceSolverSigmas(shifted, table, count, true, () => given ?? spaceSolverTimesteps(spacing, count, last))
      const sigmas = Float32Array.from([...spaced.sigmas, config.final_sigmas_type === 'zero' ? 0 : table.sigmas[0]!])
      const levels = Array.from(sigmas, (sigma) => solverLevel(sigma, config.use_flow_sigmas))
      const orders = listOrders(config, count)
      const outputs: Float32Array[] = []
      let start: Float32Array | undefined

      const step = (input: StepInput): StepOutput => {
        const { latents, index } = input
        const { output, denoised } = convert(config.prediction_type, input, levels[index]!, config)
        outputs.unshift(output)
        if (outputs.length > config.solver_order) outputs.pop()
        const noise = config.algorithm_type === 'sde-dpmsolver++' ? input.drawNoise() : undefined
        // A run that begins inside a round has fewer outputs than the round asks for.
        const order = Math.min(orders[index]!, outputs.length)
        if (order === 1 || start === undefined) start = latents
        const weights = updateWeights(
          config.algorithm_type,
          config.solver_type,
          order,
          levels[index - order + 1]!,
          levels[index + 1]!,
        )
        const terms = differences(order, config.solver_type, outputs, levels, index)
        return { latents: applyUpdate(weights, { latents: start, noise, ...terms }), denoised }
      }

      return {
        timesteps: spaced.timesteps,
        sigmas,
        initNoiseSigma: 1,
        order: 1,
        step,
        noiseWeights: (index) => [levels[index]!.alpha, levels[index]!.sigma],
      }
    }
  },
}

interface RoundConfig {
  readonly solver_order: number
  readonly lower_order_final: boolean
  readonly final_sigmas_type: 'zero' | 'sigma_min'
}

/** The order of every step: rounds that rise from 1, cut so that they fill the run. */
function listOrders(config: RoundConfig, count: number): number[] {
  const { solver_order: highest } = config
  const endsLow = config.lower_order_final || count % highest !== 0 || config.final_sigmas_type === 'zero'
  const orders = Array.from({ length: count }, (_, index) => (index % highest) + 1)
  // A last round that would be whole ends with a step of order 1 instead of its highest.
  if (endsLow && count % highest === 0) orders[count - 1] = 1
  if (config.final_sigmas_type === 'zero') orders[count - 1] = 1
  return orders
}

/** The oldest output of the round and divided differences from it, newest first in `outputs`. */
function differences(
  order: number,
  solverType: DpmSolverType,
  outputs: readonly Float32Array[],
  levels: readonly SolverLevel[],
  index: number,
): Pick<UpdateTerms, 'd0' | 'd1' | 'd2'> {
  const d0 = outputs[order - 1]!
  if (order === 1) return { d0 }
  const oldest = levels[index - order + 1]!.lambda
  const h = fround(levels[index + 1]!.lambda - oldest)
  const r0 = fround(fround(levels[index]!.lambda - oldest) / h)
  const newest = scaledDifference(fround(1 / r0), outputs[0]!, d0)
  if (order === 2 || solverType === 'midpoint') return { d0, d1: newest }
  const r1 = fround(fround(levels[index - 1]!.lambda - oldest) / h)
  const middle = scaledDifference(fround(1 / r1), outputs[1]!, d0)
  const span = fround(r0 - r1)
  const d1 = divideBy(weightedSum(r0, middle, -r1, newest), span)
  const d2 = divideBy(scaledDifference(2, newest, middle), span)
  return { d0, d1, d2 }
}
