import type { ConfigFields, ConfigOf } from './config-fields.ts'
import type { PredictionType, ScheduleOptions } from './scheduler.ts'

/** One call of `step` inside a scheduler: arrays of the latents' size (the prediction may be twice as long). */
export interface StepInput {
  readonly prediction: Float32Array
  readonly latents: Float32Array
  /** Position in the full list of timesteps, also where the run begins later. */
  readonly index: number
  /** Position in this run, from 0. */
  readonly count: number
  /** Fresh standard normal noise of the latents' shape. */
  drawNoise(): Float32Array
}

/** New arrays of the latents' size. */
export interface StepOutput {
  readonly latents: Float32Array
  readonly denoised: Float32Array
}

/** A laid-out schedule with the state of one image, before it is cut to the part that runs. */
export interface Layout {
  /** What the denoiser is told, one entry per call. */
  readonly timesteps: ArrayLike<number>
  /** Noise levels, one per entry and the final one. */
  readonly sigmas?: Float32Array
  readonly initNoiseSigma: number
  readonly order: 1 | 2
  /** What the latents are divided by before the denoiser sees them. */
  inputDivisor?(index: number): number
  /** Shares of clean latents and noise at the level of an entry. */
  noiseWeights(index: number): readonly [clean: number, noise: number]
  step(input: StepInput): StepOutput
}

/** Ways to lay out a schedule other than by a number of steps. */
export type CustomSchedule = 'timesteps' | 'sigmas'

/** A scheduler class: its configuration and how it lays out runs. */
export interface SchedulerKind<Fields extends ConfigFields> {
  readonly className: string
  readonly fields: Fields
  /** Predictions it can work with; the first is the default where the configuration has no `prediction_type`. */
  readonly predictions: readonly PredictionType[]
  /** What else than a number of steps it takes. */
  readonly custom?: readonly CustomSchedule[]
  /** Where its results differ from diffusers', one sentence. */
  readonly warning?: string
  /** Computes the tables once and returns what lays out a run. Throws for combinations that it cannot run. */
  prepare(config: ConfigOf<Fields>): LayOut
}

/** Lays out one image's schedule, with fresh state. */
export type LayOut = (options: ScheduleOptions) => Layout

/** A class whose configuration type is not known here; its own fields have checked the configuration. */
export type AnySchedulerKind = Omit<SchedulerKind<ConfigFields>, 'prepare'> & { prepare(config: never): LayOut }
