import { DiffgentorError } from '../errors.ts'
import { THRESHOLDING_FIELDS } from './clipping.ts'
import { type ConfigOf, choice, flag, integer, numberList, optionalNumber } from './config-fields.ts'
import { shiftSigma, stretchToTerminal } from './flow-match-schedule.ts'
import { NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import { linspace } from './number-ranges.ts'
import type { ScheduleOptions } from './scheduler.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { sigmaShapeOf } from './sigma-schedules.ts'
import { type SolverLevel, solverLevel } from './solver-levels.ts'
import { convertToNoise, convertToPicture } from './solver-prediction.ts'
import {
  createSolverTable,
  finalSigmasType,
  SOLVER_SIGMA_FIELDS,
  type SolverSpacing,
  type SolverTable,
  spaceSolverSigmas,
} from './solver-schedule.ts'
import { SPACING_FIELDS, spaceSolverTimesteps } from './timestep-spacing.ts'
import { unipcUpdate } from './unipc-update.ts'

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...THRESHOLDING_FIELDS,
  ...SOLVER_SIGMA_FIELDS,
  solver_order: integer(2, 1),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction', 'flow_prediction']),
  predict_x0: flag(true),
  solver_type: choice('bh2', ['bh1', 'bh2'], { midpoint: 'bh2', heun: 'bh2', logrho: 'bh2' }),
  lower_order_final: flag(true),
  disable_corrector: numberList(),
  final_sigmas_type: finalSigmasType(),
  rescale_betas_zero_snr: flag(false),
  use_dynamic_shifting: flag(false),
  time_shift_type: choice('exponential', ['exponential', 'linear']),
  sigma_min: optionalNumber(),
  sigma_max: optionalNumber(),
  shift_terminal: optionalNumber(),
}

type UnipcConfig = ConfigOf<typeof FIELDS>

/** Zhao et al., "UniPC: a unified predictor-corrector framework for fast sampling of diffusion models", 2023. */
export const unipc: SchedulerKind<typeof FIELDS> = {
  className: 'UniPCMultistepScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction', 'flow_prediction'],
  custom: ['sigmas'],
  prepare(config) {
    checkCombination(config)
    const table = createSolverTable(config, config.rescale_betas_zero_snr)
    const convert = config.predict_x0 ? convertToPicture : convertToNoise
    const uncorrected = new Set(config.disable_corrector)

    return (options) => {
      const spaced = spaceUnipc(config, table, options)
      const sigmas = Float32Array.from([...spaced.sigmas, finalSigma(config, table, spaced)])
      const levels = Array.from(sigmas, (sigma) => solverLevel(sigma, config.use_flow_sigmas))
      const steps = spaced.timesteps.length
      const outputs: Float32Array[] = []
      let previous: { latents: Float32Array; order: number } | undefined

      const levelsBefore = (entry: number): SolverLevel[] => outputs.map((_, age) => levels[entry - age]!)

      const step = (input: StepInput): StepOutput => {
        const { index } = input
        const { output, denoised } = convert(config.prediction_type, input, levels[index]!, config)
        let { latents } = input
        if (previous !== undefined && !uncorrected.has(index - 1)) {
          const history = { latents: previous.latents, outputs, levels: levelsBefore(index - 1) }
          latents = unipcUpdate(config, previous.order, history, levels[index]!, output)
        }
        outputs.unshift(output)
        if (outputs.length > config.solver_order) outputs.pop()
        const remaining = config.lower_order_final ? steps - index : config.solver_order
        const order = Math.min(config.solver_order, remaining, input.count + 1)
        previous = { latents, order }
        const next = unipcUpdate(config, order, { latents, outputs, levels: levelsBefore(index) }, levels[index + 1]!)
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

/** Refuses what ends in values that are not numbers, because the last step is infinitely long in λ. */
function checkCombination(config: UnipcConfig): void {
  const refuse = (message: string, field: string) => new DiffgentorError('unsupported', message, { field })
  if (config.final_sigmas_type === 'zero') {
    const cure = 'set final_sigmas_type to sigma_min'
    if (config.solver_type === 'bh1')
      throw refuse(`solver_type bh1 cannot end at noise level 0; take bh2 or ${cure}.`, 'solver_type')
    if (!config.predict_x0) throw refuse(`predict_x0 false cannot end at noise level 0; ${cure}.`, 'predict_x0')
    if (!config.lower_order_final && config.solver_order > 1) {
      throw refuse(`lower_order_final false cannot end at noise level 0; ${cure}.`, 'lower_order_final')
    }
  }
  if (!config.predict_x0 && config.prediction_type === 'flow_prediction') {
    throw refuse('predict_x0 false cannot work with flow predictions; set it to true.', 'predict_x0')
  }
  if (config.shift_terminal !== null && !config.use_flow_sigmas) {
    throw refuse('shift_terminal needs use_flow_sigmas.', 'shift_terminal')
  }
}

function spaceUnipc(config: UnipcConfig, table: SolverTable, options: ScheduleOptions): SolverSpacing {
  if (options.sigmas !== undefined && !config.use_flow_sigmas) {
    throw new DiffgentorError('unsupported', 'UniPCMultistepScheduler takes a list of sigmas only with use_flow_sigmas.', {
      field: 'sigmas',
    })
  }
  const shape = sigmaShapeOf(config)
  if (config.use_flow_sigmas && shape === undefined) return spaceFlow(config, options)
  const count = options.numInferenceSteps
  const spaced = spaceSolverSigmas(config, table, count, true, () => spaceSolverTimesteps(config, count))
  if (!config.use_flow_sigmas || shape !== 'karras') return spaced
  return withTimesteps(
    spaced.sigmas.map((sigma) => sigma / (sigma + 1)),
    config,
  )
}

/** Keeps the first level off 1, where nothing of the picture is left and λ is infinite. */
const SMALLEST_SIGNAL = 1e-6

function spaceFlow(config: UnipcConfig, options: ScheduleOptions): SolverSpacing {
  const even = options.sigmas ?? linspace(1, 1 / config.num_train_timesteps, options.numInferenceSteps + 1).slice(0, -1)
  const exact = (value: number) => value
  const shifting = { ...config, shift: config.flow_shift }
  const shifted = even.map((sigma) => shiftSigma(shifting, options.mu, sigma, exact))
  const sigmas = config.shift_terminal ? stretchToTerminal(shifted, config.shift_terminal, exact) : shifted
  if (Math.abs(sigmas[0]! - 1) < SMALLEST_SIGNAL) sigmas[0] = sigmas[0]! - SMALLEST_SIGNAL
  return withTimesteps(sigmas, config)
}

function withTimesteps(sigmas: number[], config: UnipcConfig): SolverSpacing {
  return { sigmas, timesteps: sigmas.map((sigma) => Math.trunc(sigma * config.num_train_timesteps)) }
}

function finalSigma(config: UnipcConfig, table: SolverTable, spaced: SolverSpacing): number {
  if (config.final_sigmas_type === 'zero') return 0
  const keepsLast = sigmaShapeOf(config) !== undefined || config.use_flow_sigmas
  return keepsLast ? spaced.sigmas.at(-1)! : table.sigmas[0]!
}
