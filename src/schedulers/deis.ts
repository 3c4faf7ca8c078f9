import { accumulateScaled, divideBy } from '../tensor/arithmetic.ts'
import { THRESHOLDING_FIELDS } from './clipping.ts'
import { choice, flag, integer } from './config-fields.ts'
import { FEW_STEPS } from './dpm-multistep-step.ts'
import { applyUpdate, updateWeights } from './dpm-solver-weights.ts'
import { NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { sigmaShapeOf } from './sigma-schedules.ts'
import { type SolverLevel, solverLevel } from './solver-levels.ts'
import { convertToPicture, noiseBeside } from './solver-prediction.ts'
import { createSolverTable, SOLVER_SIGMA_FIELDS, spaceSolverSigmas } from './solver-schedule.ts'
import { SPACING_FIELDS, spaceSolverTimesteps } from './timestep-spacing.ts'

const { fround } = Math
const log = (value: number) => fround(Math.log(value))

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...THRESHOLDING_FIELDS,
  ...SOLVER_SIGMA_FIELDS,
  solver_order: integer(2, 1),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction', 'flow_prediction']),
  algorithm_type: choice('deis', ['deis'], { dpmsolver: 'deis', 'dpmsolver++': 'deis' }),
  solver_type: choice('logrho', ['logrho'], { midpoint: 'logrho', heun: 'logrho', bh1: 'logrho', bh2: 'logrho' }),
  lower_order_final: flag(true),
  use_dynamic_shifting: flag(false),
  time_shift_type: choice('exponential', ['exponential']),
}

/** Zhang and Chen, "Fast sampling of diffusion models with exponential integrator", 2022, in log ρ with ρ = σ / α. */
export const deis: SchedulerKind<typeof FIELDS> = {
  className: 'DEISMultistepScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction', 'flow_prediction'],
  prepare(config) {
    const table = createSolverTable(config, false)
    const keepsLast = sigmaShapeOf(config) !== undefined || config.use_flow_sigmas

    return ({ numInferenceSteps: count, mu }) => {
      const shifted = mu === undefined ? config : { ...config, flow_shift: Math.exp(mu) }
      const spaced = spaceSolverSigmas(shifted, table, count, true, () => spaceSolverTimesteps(config, count))
      const sigmas = Float32Array.from([...spaced.sigmas, keepsLast ? spaced.sigmas.at(-1)! : table.sigmas[0]!])
      const levels = Array.from(sigmas, (sigma) => solverLevel(sigma, config.use_flow_sigmas))
      const steps = spaced.timesteps.length
      const outputs: Float32Array[] = []

      const step = (input: StepInput): StepOutput => {
        const { latents, index } = input
        const { denoised } = convertToPicture(config.prediction_type, input, levels[index]!, config)
        outputs.unshift(noiseBeside(denoised, latents, levels[index]!))
        if (outputs.length > config.solver_order) outputs.pop()
        const remaining = config.lower_order_final && steps < FEW_STEPS ? steps - index : 3
        const order = Math.min(config.solver_order, input.count + 1, remaining, 3)
        const next =
          order === 1
            ? applyUpdate(updateWeights('dpmsolver', 'midpoint', 1, levels[index]!, levels[index + 1]!), {
                latents,
                d0: outputs[0]!,
              })
            : extrapolate(latents, outputs.slice(0, order), levels, index)
        return { latents: next, denoised }
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

/** Integrates the polynomial through the last two or three outputs, newest first, from the current level to the next. */
function extrapolate(
  latents: Float32Array,
  outputs: readonly Float32Array[],
  levels: readonly SolverLevel[],
  index: number,
): Float32Array {
  const rhoAt = (entry: number) => fround(levels[entry]!.sigma / levels[entry]!.alpha)
  const to = rhoAt(index + 1)
  const nodes = outputs.map((_, age) => rhoAt(index - age))
  const weights = outputs.map((_, age) => {
    // The node itself, then the others in cyclic order.
    const [node, ...others] = [...nodes.slice(age), ...nodes.slice(0, age)] as [number, ...number[]]
    const integral = others.length === 1 ? linearIntegral : quadraticIntegral
    return fround(integral(to, node, others[0]!, others[1]!) - integral(nodes[0]!, node, others[0]!, others[1]!))
  })
  const sum = divideBy(latents, levels[index]!.alpha)
  for (const [age, weight] of weights.entries()) accumulateScaled(sum, weight, outputs[age]!)
  const nextAlpha = levels[index + 1]!.alpha
  for (let i = 0; i < sum.length; i++) sum[i] = nextAlpha * sum[i]!
  return sum
}

/** Antiderivative at t of the basis polynomial in ln ρ that is 1 at b and 0 at c. */
function linearIntegral(t: number, b: number, c: number): number {
  return fround(fround(t * fround(fround(-log(c) + log(t)) - 1)) / fround(log(b) - log(c)))
}

/** The same for a polynomial that is 0 at c and d. */
function quadraticIntegral(t: number, b: number, c: number, d: number): number {
  const [logT, logB, logC, logD] = [log(t), log(b), log(c), log(d)]
  const mixed = fround(logC * fround(fround(logD - logT) + 1))
  const squares = fround(fround(fround(fround(mixed - fround(logD * logT)) + logD) + fround(logT * logT)) - fround(2 * logT))
  return fround(fround(t * fround(squares + 2)) / fround(fround(logB - logC) * fround(logB - logD)))
}
