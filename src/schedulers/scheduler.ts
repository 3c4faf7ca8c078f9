import type { Tensor } from '../tensor/tensor.ts'

/** What a model's scheduler turns into: `flow_prediction` is the velocity of rectified flow. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample' | 'flow_prediction'

/** One call of the denoiser. `index` counts from 0 over the run; `timestep` is what the denoiser is told, `sigma` the noise level where the scheduler has one. */
export interface SchedulerStep {
  readonly index: number
  readonly timestep: number
  readonly sigma: number | undefined
}

/** Draws standard normal noise of a shape; every call moves the image's generator. */
export type DrawNoise = (shape: readonly number[]) => Tensor

/** How one image's schedule is laid out. */
export interface ScheduleOptions {
  /** Steps asked for, at least 1. Ignored when `timesteps` or `sigmas` are given. */
  numInferenceSteps: number
  /** Custom timesteps or sigmas, where the scheduler takes them. */
  timesteps?: readonly number[] | undefined
  sigmas?: readonly number[] | undefined
  /** Shift of dynamic flow matching. */
  mu?: number | undefined
  /** Share of the schedule that runs, for schedulers that lay it out by strength (LCM, TCD). */
  strength?: number | undefined
  /** Index into the timesteps at which the run begins (image-to-image), counted in entries of the full list. */
  beginIndex?: number | undefined
  /** Timesteps kept: those at or above `keepFrom`, and those below `keepBelow` (SDXL's ensemble of base and refiner). */
  keepFrom?: number | undefined
  keepBelow?: number | undefined
  /** DDIM's and TCD's share of fresh noise; absent: the class default of the pipeline. */
  eta?: number | undefined
  drawNoise: DrawNoise
}

export interface StepResult {
  /** The latents for the next step. */
  latents: Tensor
  /** The picture as predicted now, in latent space. */
  denoised: Tensor
}

/** One image's way through the schedule. It owns all state; nothing is shared between images. */
export interface SchedulerRun {
  /** Every timestep of the schedule that runs, in order, one entry per denoiser call. */
  readonly steps: readonly SchedulerStep[]
  /** Factor on the first pure noise. */
  readonly initNoiseSigma: number
  /** Denoiser calls per step of the schedule: 1, or 2 for second-order kinds. */
  readonly order: number
  scaleModelInput(latents: Tensor, step: SchedulerStep): Tensor
  step(prediction: Tensor, latents: Tensor, step: SchedulerStep): StepResult
  /** Noise put on clean latents for the level of `step`. */
  addNoise(clean: Tensor, noise: Tensor, step: SchedulerStep): Tensor
}

/** A scheduler with its configuration: makes runs. */
export interface Scheduler {
  /** The diffusers class name. */
  readonly className: string
  readonly predictionType: PredictionType
  /** The configuration in force, as written in a recipe: diffusers' keys, defaults filled in. */
  readonly config: Readonly<Record<string, unknown>>
  readonly numTrainTimesteps: number
  startRun(options: ScheduleOptions): SchedulerRun
}
