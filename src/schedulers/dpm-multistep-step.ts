import { DiffgentorError } from '../errors.ts'
import { addScaled, scaledDifference } from '../tensor/arithmetic.ts'
import { applyUpdate, type DpmAlgorithm, type DpmSolverType, type UpdateTerms, updateWeights } from './dpm-solver-weights.ts'
import type { StepInput, StepOutput } from './scheduler-kind.ts'
import type { SolverLevel } from './solver-levels.ts'
import type { SolverPrediction } from './solver-prediction.ts'

const { fround } = Math

/** Below this many steps the last ones fall back to lower orders, which is steadier. */
export const FEW_STEPS = 15

/** The part of a configuration that the steps depend on. */
export interface MultistepConfig {
  readonly solver_order: number
  readonly algorithm_type: DpmAlgorithm
  readonly solver_type: DpmSolverType
  readonly lower_order_final: boolean
  readonly euler_at_final: boolean
  readonly final_sigmas_type: 'zero' | 'sigma_min'
}

type Convert = (input: StepInput) => SolverPrediction

/** The multistep solver over a list of levels, the final one included; `convert` turns a prediction into what it integrates. */
export function createMultistepStep(
  config: MultistepConfig,
  levels: readonly SolverLevel[],
  convert: Convert,
): (input: StepInput) => StepOutput {
  checkLastStep(config, levels)
  const outputs: Float32Array[] = []
  return (input) => {
    const { index, count, latents } = input
    const { output, denoised } = convert(input)
    outputs.unshift(output)
    if (outputs.length > config.solver_order) outputs.pop()
    // Also drawn on the last step, where it may weigh nothing: the generator must move as the reference's does.
    const noise = config.algorithm_type.startsWith('sde-') ? input.drawNoise() : undefined
    const order = orderAt(config, levels.length - 1, index, count)
    const weights = updateWeights(config.algorithm_type, config.solver_type, order, levels[index]!, levels[index + 1]!)
    return { latents: applyUpdate(weights, { latents, noise, ...differences(order, outputs, levels, index) }), denoised }
  }
}

/** Refuses to divide by the length of a last step that goes nowhere, as shaped levels make it that end at the smallest one. */
function checkLastStep(config: MultistepConfig, levels: readonly SolverLevel[]): void {
  const steps = levels.length - 1
  if (levels[steps]!.lambda !== levels[steps - 1]!.lambda) return
  const order = orderAt(config, steps, steps - 1, steps - 1)
  if (order < 2 || (order === 2 && config.solver_type === 'midpoint')) return
  throw new DiffgentorError(
    'unsupported',
    'The last step has no length with these noise levels and final_sigmas_type sigma_min; set euler_at_final to true.',
    { field: 'final_sigmas_type' },
  )
}

/** The order of a step: rising at the start of the run, falling at its end. */
function orderAt(config: MultistepConfig, steps: number, index: number, count: number): number {
  const isFew = config.lower_order_final && steps < FEW_STEPS
  const remaining = steps - index
  if (remaining === 1 && (isFew || config.euler_at_final || config.final_sigmas_type === 'zero')) return 1
  return Math.min(config.solver_order, count + 1, remaining === 2 && isFew ? 2 : 3)
}

/** The newest output and its divided differences up to the order, newest first in `outputs`. */
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
  const d1 = addScaled(first, share, scaledDifference(1, first, second))
  return { d0, d1, d2: scaledDifference(fround(1 / span), first, second) }
}
