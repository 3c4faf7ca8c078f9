import { readFileSync } from 'node:fs'
import { TorchGenerator } from '../../src/noise/torch-generator.ts'
import { createScheduler } from '../../src/schedulers/create-scheduler.ts'
import type { ScheduleOptions, SchedulerRun, SchedulerStep } from '../../src/schedulers/scheduler.ts'
import { countElements, type Tensor } from '../../src/tensor/tensor.ts'
import { fixturePath } from '../support/fixtures.ts'

/** One case as the reference ran it; see the fixtures' README. */
export interface GoldenCase {
  name: string
  class: string
  config: Record<string, unknown>
  num_inference_steps: number | null
  set_timesteps_kwargs: {
    timesteps?: number[]
    sigmas?: number[]
    mu?: number
    strength?: number
    original_inference_steps?: number
  }
  step_kwargs: Record<string, number | boolean>
  seed: number
  timesteps: { dtype: string; values: number[] }
  sigmas?: { dtype: string; values: number[] }
  init_noise_sigma: number
  order: number
  begin_index?: number
  x0?: number[]
  noise?: number[]
  start: number[]
  steps?: { x: number[]; x0?: number[] }[]
  draws?: number[][]
  knife_edge?: { index: number }[]
  error?: string
}

export const TOLERANCE = 2e-5
const SHAPE = [1, 1, 2, 2]
const { fround } = Math

export function readGoldens(className: string): GoldenCase[] {
  return JSON.parse(readFileSync(fixturePath(`schedulers/${className}.json`), 'utf8')) as GoldenCase[]
}

export const tensor = (values: readonly number[]): Tensor => ({ data: Float32Array.from(values), shape: SHAPE })

/** The pretend model of the goldens: half the scaled input, less a tenth, plus t / 5000. */
export function predict(
  run: SchedulerRun,
  latents: Tensor,
  step: SchedulerStep,
  timestep = step.timestep,
  learnsVariance = false,
): Tensor {
  const input = run.scaleModelInput(latents, step)
  const offset = fround(fround(timestep) / 5000)
  const data = input.data.map((value) => fround(fround(0.5 * value) - fround(0.1)) + offset)
  if (!learnsVariance) return { data, shape: input.shape }
  return { data: Float32Array.from([...data, ...data.map(() => 0.25)]), shape: [1, 2, 2, 2] }
}

/** Names the options of a run as the reference's `set_timesteps` and `step` arguments give them. */
function optionsOf(golden: GoldenCase, draws: number[][]): ScheduleOptions {
  const generator = new TorchGenerator(golden.seed)
  const { timesteps, sigmas, mu, strength } = golden.set_timesteps_kwargs
  const { eta, s_churn, s_tmin, s_tmax, s_noise, order, use_clipped_model_output } = golden.step_kwargs as Record<string, number>
  return {
    numInferenceSteps: golden.num_inference_steps ?? timesteps?.length ?? sigmas?.length ?? 1,
    timesteps,
    sigmas,
    mu,
    strength,
    beginIndex: golden.begin_index,
    eta,
    adjustments: {
      churn: s_churn === undefined ? undefined : { amount: s_churn, fromSigma: s_tmin!, toSigma: s_tmax! },
      noiseScale: s_noise,
      multistepOrder: order,
      useClippedModelOutput: Boolean(use_clipped_model_output),
    },
    drawNoise: (shape) => {
      const data = generator.normal(countElements(shape))
      draws.push(Array.from(data))
      return { data, shape }
    },
  }
}

/** The case's run, not yet started; `draws` collects the noise that its steps take. */
export function startGolden(golden: GoldenCase, draws: number[][]): SchedulerRun {
  return schedulerOf(golden).startRun(optionsOf(golden, draws))
}

function schedulerOf(golden: GoldenCase) {
  const given = golden.set_timesteps_kwargs.original_inference_steps
  // The reference's TCD takes any given number for "all training timesteps".
  const original_inference_steps = golden.class === 'TCDScheduler' ? 1000 : given
  return createScheduler({
    modelConfig: { _class_name: golden.class, ...golden.config },
    overrides: given === undefined ? {} : { original_inference_steps },
  })
}

/** The reference refuses the case, or runs into values that are not numbers, which we refuse. */
export function isRefused(golden: GoldenCase): boolean {
  return golden.error !== undefined || JSON.stringify(golden.steps ?? []).match(/"(nan|-?inf)"/) !== null
}

/** Entries that run: without the one below zero that the reference's rounding adds for a few counts, and without SCM's end. */
export function countTimesteps(golden: GoldenCase): number {
  const { values } = golden.timesteps
  if (golden.class === 'SCMScheduler') return values.length - 1
  return values.at(-1) === -1 ? values.length - golden.order : values.length
}

/**
 * KDPM2 ancestral takes the middle toward √(σ² − σ_up²), which cancels nearly all digits where σ falls steeply: the last bit of a
 * noise level, which torch's power function does not round exactly, moves these timesteps and pictures a little.
 */
export const CANCELLING = { className: 'KDPM2AncestralDiscreteScheduler', timestepSlack: 0.01, tolerance: 3e-4 }

/** How far a case's steps lie from the reference's, relative to max(1, |x|), and where; 0 where only its layout was recorded. */
export function measureSteps(golden: GoldenCase, run: SchedulerRun): { deviation: number; where: string } {
  const learnsVariance = ['learned', 'learned_range'].includes(String(golden.config['variance_type']))
  let worst = { deviation: 0, where: 'nowhere' }
  const compare = (actual: ArrayLike<number>, expected: readonly number[], where: string) => {
    const deviation = relativeDeviation(actual, expected)
    if (!(deviation <= worst.deviation)) worst = { deviation, where }
  }
  if (golden.steps === undefined) return worst
  let latents = tensor(golden.start)
  if (golden.x0 !== undefined) {
    latents = run.addNoise(tensor(golden.x0), tensor(golden.noise!), run.steps[0]!)
    compare(latents.data, golden.start, 'noised start')
  }
  for (const [index, want] of golden.steps.entries()) {
    const step = run.steps[index]!
    const told = golden.timesteps.values[(golden.begin_index ?? 0) + index]!
    const result = run.step(predict(run, latents, step, told, learnsVariance), latents, step)
    compare(result.latents.data, want.x, `x after step ${index}`)
    if (want.x0 !== undefined) compare(result.denoised.data, want.x0, `x0 at step ${index}`)
    latents = result.latents
  }
  return worst
}

function relativeDeviation(actual: ArrayLike<number>, expected: readonly number[]): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  return Math.max(...expected.map((want, index) => Math.abs(actual[index]! - want) / Math.max(1, Math.abs(want))))
}

/** How far a class's steps may lie from the reference's. */
export function toleranceOf(className: string): number {
  return className === CANCELLING.className ? CANCELLING.tolerance : TOLERANCE
}
