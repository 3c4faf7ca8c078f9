import { DiffgentorError } from '../errors.ts'
import { type ConfigOf, choice, flag, integer, number, optionalNumber } from './config-fields.ts'
import { linspace } from './number-ranges.ts'
import type { ScheduleOptions } from './scheduler.ts'
import { SIGMA_SHAPE_FIELDS, shapeSigmas, shiftFlowSigma, sigmaShapeOf } from './sigma-schedules.ts'

const { fround } = Math

/** Keys of the flow-matching classes that know every kind of shift. */
export const FLOW_MATCH_FIELDS = {
  ...SIGMA_SHAPE_FIELDS,
  num_train_timesteps: integer(1000, 1),
  shift: number(1),
  use_dynamic_shifting: flag(false),
  base_shift: number(0.5),
  max_shift: number(1.15),
  base_image_seq_len: integer(256),
  max_image_seq_len: integer(4096),
  invert_sigmas: flag(false),
  shift_terminal: optionalNumber(),
  time_shift_type: choice('exponential', ['exponential', 'linear']),
}

type FlowMatchConfig = ConfigOf<typeof FLOW_MATCH_FIELDS>

/** A laid-out schedule of rectified flow. */
export interface FlowMatchSchedule {
  readonly timesteps: number[]
  /** One more than timesteps: the final level is 0, or 1 where the levels are inverted. */
  readonly sigmas: Float32Array
}

/** Levels of rectified flow and their timesteps, from a number of steps, given sigmas or given timesteps. */
export function layOutFlowMatch(config: FlowMatchConfig, options: ScheduleOptions): FlowMatchSchedule {
  const total = config.num_train_timesteps
  // Given lists are float32 in the reference and stay so through the shifts; its own levels are double.
  const round = options.sigmas === undefined && options.timesteps === undefined ? (value: number) => value : fround
  const shifted = startingSigmas(config, options).map((sigma) => shiftSigma(config, options.mu, sigma, round))
  const stretched = config.shift_terminal ? stretchToTerminal(shifted, config.shift_terminal, round) : shifted
  const shape = sigmaShapeOf(config)
  const shaped = shape === undefined ? stretched : shapeSigmas(shape, stretched[0]!, stretched.at(-1)!, stretched.length)
  const sigmas = Float32Array.from([...shaped, 0])
  if (config.invert_sigmas) for (let index = 0; index < sigmas.length; index++) sigmas[index] = 1 - sigmas[index]!
  const derived = Array.from(sigmas.subarray(0, -1), (sigma) => fround(sigma * total))
  return { sigmas, timesteps: config.invert_sigmas ? derived : (options.timesteps?.map(fround) ?? derived) }
}

function startingSigmas(config: FlowMatchConfig, options: ScheduleOptions): number[] {
  const total = config.num_train_timesteps
  if (options.sigmas !== undefined) return options.sigmas.map(fround)
  if (options.timesteps !== undefined) return options.timesteps.map((timestep) => fround(fround(timestep) / total))
  return evenSigmas(total, config.use_dynamic_shifting ? 1 : config.shift, options.numInferenceSteps)
}

/** Even levels between the ends of the training schedule, which is shifted once already. */
function evenSigmas(total: number, shift: number, count: number): number[] {
  const highest = staticShift(1, shift, fround)
  const lowest = staticShift(fround(1 / total), shift, fround)
  return linspace(highest * total, lowest * total, count).map((timestep) => timestep / total)
}

/** Levels of a static shift: even between the ends of the shifted training schedule, then shifted (again, as the reference does). */
export function spaceFlowSigmas(total: number, shift: number, count: number): number[] {
  return evenSigmas(total, shift, count).map((sigma) => shiftFlowSigma(sigma, shift))
}

type Rounding = (value: number) => number

/** How levels are moved toward the noisy end. */
export interface ShiftConfig {
  readonly shift: number
  readonly use_dynamic_shifting: boolean
  readonly time_shift_type: 'exponential' | 'linear'
}

/** One level, shifted as configured: by a constant, or by the picture's `mu`. */
export function shiftSigma(config: ShiftConfig, mu: number | undefined, sigma: number, round: Rounding): number {
  if (!config.use_dynamic_shifting) return staticShift(sigma, config.shift, round)
  if (mu === undefined) {
    throw new DiffgentorError('invalid_request', 'This model shifts its schedule by the picture size; a shift mu is needed.', {
      field: 'mu',
    })
  }
  const odds = round(round(1 / sigma) - 1)
  const weight = config.time_shift_type === 'exponential' ? Math.exp(mu) : mu
  return round(round(weight) / round(round(weight) + odds))
}

function staticShift(sigma: number, shift: number, round: Rounding): number {
  return round === fround ? fround(fround(shift * sigma) / fround(1 + fround((shift - 1) * sigma))) : shiftFlowSigma(sigma, shift)
}

/** Stretches the levels so that the last one is `terminal`. */
export function stretchToTerminal(sigmas: readonly number[], terminal: number, round: Rounding): number[] {
  const factor = round(round(1 - sigmas.at(-1)!) / (1 - terminal))
  // The one level of a single step is pure noise; there is nothing to stretch, and the reference divides zero by zero.
  if (factor === 0) return [...sigmas]
  return sigmas.map((sigma) => round(1 - round(round(1 - sigma) / factor)))
}
