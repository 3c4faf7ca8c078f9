import type { SchedulerRun, SchedulerStep } from '../schedulers/scheduler.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Predicts from latents that the scheduler has scaled. */
export type Predict = (scaled: Tensor, step: SchedulerStep) => Promise<Tensor>

/** What one image starts from, and how it gets on. */
export interface DenoiseStart {
  run: SchedulerRun
  latents: Tensor
  predict: Predict
  /** Changes the latents after a step, such as putting back what a mask keeps. `index` is that of the step just done. */
  afterStep?: ((latents: Tensor, index: number) => Tensor) | undefined
}

export interface StepReport {
  /** From 0. */
  index: number
  total: number
  latents: Tensor
  /** The finished picture as far as it can be told now, in latent space. */
  denoised: Tensor
}

/** The loop of every family: scale, predict, step. Rejects between two steps when the signal fires. */
export async function denoise(
  { run, latents: start, predict, afterStep }: DenoiseStart,
  signal: AbortSignal,
  onStep: (report: StepReport) => Promise<void>,
): Promise<Tensor> {
  let latents = start
  for (const step of run.steps) {
    signal.throwIfAborted()
    const prediction = await predict(run.scaleModelInput(latents, step), step)
    const result = run.step(prediction, latents, step)
    latents = afterStep ? afterStep(result.latents, step.index) : result.latents
    await onStep({ index: step.index, total: run.steps.length, latents, denoised: result.denoised })
  }
  signal.throwIfAborted()
  return latents
}
