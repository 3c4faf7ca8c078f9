import type { ScheduleOptions, Scheduler } from '../schedulers/scheduler.ts'

/** How a flow model wants its schedule laid out. */
export interface FlowLayout {
  /** Levels in equal steps from 1 to 1/N, before any shift; else the scheduler's own. */
  evenSigmas?: boolean | undefined
  /** Solvers that lay out a flow themselves are given the equal steps as well. */
  givesSolversSigmas?: boolean | undefined
  /** Shift by the picture's size. */
  mu?: number | undefined
}

const FLOW_MATCHING = ['FlowMatchEulerDiscreteScheduler', 'FlowMatchLCMScheduler']

/** The scheduler options that a layout comes to; other schedulers than the usual ones space their levels themselves. */
export function flowScheduleOptions(
  { evenSigmas, givesSolversSigmas, mu }: FlowLayout,
  { className, config }: Pick<Scheduler, 'className' | 'config'>,
  steps: number,
): Pick<ScheduleOptions, 'sigmas' | 'mu'> {
  const isSolver = className === 'UniPCMultistepScheduler' && config['use_flow_sigmas'] === true
  const takesSigmas = FLOW_MATCHING.includes(className) || (isSolver && givesSolversSigmas)
  return evenSigmas && takesSigmas ? { mu, sigmas: evenLevels(steps) } : { mu }
}

/** NumPy's linspace(1, 1/N, N). */
function evenLevels(count: number): number[] {
  if (count === 1) return [1]
  const step = (1 / count - 1) / (count - 1)
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 / count : i * step + 1))
}

/**
 * The shift of a picture of so many tokens (Esser et al. 2024 §5.3.2), on the line that a configuration draws. It is the model's: a scheduler
 * put in place of the model's own may not know the line's keys.
 */
export function shiftForTokens(tokens: number, config: Readonly<Record<string, unknown>>): number {
  const read = (key: string, otherwise: number) => (typeof config[key] === 'number' ? (config[key] as number) : otherwise)
  const least = read('base_image_seq_len', 256)
  const slope = (read('max_shift', 1.15) - read('base_shift', 0.5)) / (read('max_image_seq_len', 4096) - least)
  const atNone = read('base_shift', 0.5) - slope * least
  return tokens * slope + atNone
}
