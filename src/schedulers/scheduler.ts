import type { Tensor } from '../tensor/tensor.ts'

/** What the denoiser predicts. `flow_prediction` is the velocity of rectified flow, `trigflow` that of SCM. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample' | 'flow_prediction' | 'trigflow'

/** One call of the denoiser. `index` counts from 0 over the run; `timestep` is what the denoiser is told, `sigma` the noise level where the scheduler has one. */
export interface SchedulerStep {
  readonly index: number
  readonly timestep: number
  readonly sigma: number | undefined
}

/** Draws standard normal noise of a shape; every call moves the image's generator. */
export type DrawNoise = (shape: readonly number[]) => Tensor

/** Adjustments of single steps that few callers need; a scheduler without the notion ignores them. */
export interface StepAdjustments {
  /** Euler: noise added back before each step, as the total over the run (Karras et al. 2022), between two noise levels. Default: none. */
  churn?: { amount: number; fromSigma: number; toSigma: number } | undefined
  /** Factor on the noise of Euler's churn and of DPMSolverSDE. Default 1. */
  noiseScale?: number | undefined
  /** DDIM: derives the noise direction again from the clipped picture. Default false. */
  useClippedModelOutput?: boolean | undefined
  /** LMS: how many derivatives are combined, 1–4. Default 4. */
  multistepOrder?: number | undefined
}

/** Timesteps or sigmas in place of the scheduler's own, where it takes them. */
export interface CustomLists {
  timesteps?: readonly number[] | undefined
  sigmas?: readonly number[] | undefined
}

/** How one image's schedule is laid out. */
export interface ScheduleOptions extends CustomLists {
  /** Steps asked for, at least 1. Ignored when `timesteps` or `sigmas` are given. */
  numInferenceSteps: number
  /** Shift of dynamic flow matching. */
  mu?: number | undefined
  /** Share of the schedule that runs, for schedulers that lay it out by strength (LCM, TCD). */
  strength?: number | undefined
  /** Index into the timesteps at which the run begins (image-to-image), counted in entries of the full list. */
  beginIndex?: number | undefined
  /** Timesteps kept: those at or above `keepFrom`, and those below `keepBelow` (SDXL's ensemble of base and refiner). */
  keepFrom?: number | undefined
  keepBelow?: number | undefined
  /** DDIM's and TCD's share of fresh noise; absent: the class's own default (0 and 0.3). */
  eta?: number | undefined
  adjustments?: StepAdjustments | undefined
  drawNoise: DrawNoise
}

/** What a step gives. */
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
  /** What the denoiser is fed; the latents themselves where the scheduler does not scale. */
  scaleModelInput(latents: Tensor, step: SchedulerStep): Tensor
  /**
   * Goes one step. The prediction may have twice the latents' channels where the model learned its variance. The run may keep
   * `latents`, so nothing may write to them afterwards; the prediction's array may be used again.
   */
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
  /** What differs from diffusers under this name, one sentence; undefined where nothing does. */
  readonly warning: string | undefined
  /** The name asked for "Align Your Steps": give a run `alignYourSteps(…)` as its timesteps. */
  readonly alignsSteps: boolean
  /** Throws for a list that this scheduler does not take. */
  checkLists(lists: CustomLists): void
  startRun(options: ScheduleOptions): SchedulerRun
}
