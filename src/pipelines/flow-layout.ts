import type { ScheduleOptions, Scheduler } from '../schedulers/scheduler.ts'

/** How a flow model wants its schedule laid out. */
export interface FlowLayout {
  /** Levels in equal steps from 1 to 1/N, before any shift; else the scheduler's own. */
  evenSigmas?: boolean | undefined
  /** Shift by the picture's size. */
  mu?: number | undefined
}

const TAKES_SIGMAS = 'FlowMatchEulerDiscreteScheduler'

/** The scheduler options that a layout comes to; another scheduler than the usual one spaces its levels itself. */
export function flowScheduleOptions(
  { evenSigmas, mu }: FlowLayout,
  scheduler: Pick<Scheduler, 'className'>,
  steps: number,
): Pick<ScheduleOptions, 'sigmas' | 'mu'> {
  if (!evenSigmas || scheduler.className !== TAKES_SIGMAS) return { mu }
  return { mu, sigmas: evenLevels(steps) }
}

/** NumPy's linspace(1, 1/N, N). */
function evenLevels(count: number): number[] {
  if (count === 1) return [1]
  const step = (1 / count - 1) / (count - 1)
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 / count : i * step + 1))
}

/** The shift of a picture of so many tokens, on the line that a scheduler's configuration draws (Esser et al. 2024 §5.3.2). */
export function shiftForTokens(tokens: number, { config }: Pick<Scheduler, 'config'>): number {
  const read = (key: string, otherwise: number) => (typeof config[key] === 'number' ? (config[key] as number) : otherwise)
  const least = read('base_image_seq_len', 256)
  const slope = (read('max_shift', 1.15) - read('base_shift', 0.5)) / (read('max_image_seq_len', 4096) - least)
  return tokens * slope + read('base_shift', 0.5) - slope * least
}
