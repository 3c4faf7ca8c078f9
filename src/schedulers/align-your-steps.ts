import { computeAlphasCumprod, sigmasOf } from './noise-schedule.ts'
import { interpolateAt, linspace, roundHalfToEven } from './number-ranges.ts'
import { createSigmaToTimestep } from './sigma-to-timestep.ts'

/** Model families that have optimized timesteps. */
export type AlignedFamily = 'stable-diffusion' | 'stable-diffusion-xl'

/** Ten steps each (Sabour et al., "Align your steps: optimizing sampling schedules in diffusion models", 2024). */
const TIMESTEPS: Readonly<Record<AlignedFamily, readonly number[]>> = {
  'stable-diffusion': [999, 850, 736, 645, 545, 455, 343, 233, 124, 24],
  'stable-diffusion-xl': [999, 845, 730, 587, 443, 310, 193, 116, 53, 13],
}

/** The schedule that both families were trained on. */
const NOISE_SCHEDULE = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  trained_betas: null,
} as const

/** Timesteps of "Align Your Steps", falling whole numbers. Other counts than ten are interpolated in the logarithm of the noise level. */
export function alignYourSteps(family: AlignedFamily, count: number): number[] {
  const timesteps = TIMESTEPS[family]
  if (count === timesteps.length) return [...timesteps]
  const table = sigmasOf(computeAlphasCumprod(NOISE_SCHEDULE, false))
  const timestepOf = createSigmaToTimestep(table)
  const logs = timesteps.map((timestep) => Math.log(table[timestep]!))
  return linspace(0, logs.length - 1, count).map((position) =>
    roundHalfToEven(timestepOf(Math.exp(interpolateAt(logs, position)))),
  )
}
