import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DiffgentorError } from '../../src/errors.ts'
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

const TOLERANCE = 2e-5
const SHAPE = [1, 1, 2, 2]
const { fround } = Math

export function readGoldens(className: string): GoldenCase[] {
  return JSON.parse(readFileSync(fixturePath(`schedulers/${className}.json`), 'utf8')) as GoldenCase[]
}

export const tensor = (values: readonly number[]): Tensor => ({ data: Float32Array.from(values), shape: SHAPE })

/** Compares within the tolerance of the fixtures, relative to max(1, |x|). */
export function expectClose(actual: ArrayLike<number>, expected: readonly number[], what: string, tolerance = TOLERANCE): void {
  expect(actual.length, `${what}: length`).toBe(expected.length)
  for (const [index, want] of expected.entries()) {
    const got = actual[index]!
    if (!(Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want))))
      expect.fail(`${what}[${index}]: ${got} instead of ${want}`)
  }
}

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
function isRefused(golden: GoldenCase): boolean {
  return golden.error !== undefined || JSON.stringify(golden.steps ?? []).match(/"(nan|-?inf)"/) !== null
}

/** Entries that run: without the one below zero that the reference's rounding adds for a few counts, and without SCM's end. */
function countTimesteps(golden: GoldenCase): number {
  const { values } = golden.timesteps
  if (golden.class === 'SCMScheduler') return values.length - 1
  return values.at(-1) === -1 ? values.length - golden.order : values.length
}

/**
 * KDPM2 ancestral takes the middle toward √(σ² − σ_up²), which cancels nearly all digits where σ falls steeply: the last bit of a
 * noise level, which torch's power function does not round exactly, moves these timesteps and pictures a little.
 */
const CANCELLING = { className: 'KDPM2AncestralDiscreteScheduler', timestepSlack: 0.01, tolerance: 3e-4 }

function checkLayout(golden: GoldenCase, run: SchedulerRun): void {
  const begin = golden.begin_index ?? 0
  const timesteps = golden.timesteps.values.slice(begin, countTimesteps(golden))
  const edges = new Set(golden.knife_edge?.map(({ index }) => index))
  expect(run.steps.length).toBe(timesteps.length)
  for (const [index, want] of timesteps.entries()) {
    const got = run.steps[index]!.timestep
    const plain = golden.class === CANCELLING.className ? CANCELLING.timestepSlack : TOLERANCE * Math.max(1, Math.abs(want))
    const slack = edges.has(begin + index) ? 1 : plain
    if (Math.abs(got - want) > slack) expect.fail(`timestep ${index}: ${got} instead of ${want}`)
  }
  if (golden.sigmas !== undefined && run.steps[0]!.sigma !== undefined) {
    expectClose(
      run.steps.map(({ sigma }) => sigma!),
      golden.sigmas.values.slice(begin, begin + run.steps.length),
      'sigmas',
    )
  }
  expect(run.order).toBe(golden.order)
  expectClose([run.initNoiseSigma], [golden.init_noise_sigma], 'initNoiseSigma')
}

function checkSteps(golden: GoldenCase, run: SchedulerRun, draws: number[][]): void {
  const learnsVariance = ['learned', 'learned_range'].includes(String(golden.config['variance_type']))
  let latents = tensor(golden.start)
  if (golden.x0 !== undefined) {
    latents = run.addNoise(tensor(golden.x0), tensor(golden.noise!), run.steps[0]!)
    expectClose(latents.data, golden.start, 'noised start')
  }
  for (const [index, want] of golden.steps!.entries()) {
    const step = run.steps[index]!
    const told = golden.timesteps.values[(golden.begin_index ?? 0) + index]!
    const result = run.step(predict(run, latents, step, told, learnsVariance), latents, step)
    const tolerance = golden.class === CANCELLING.className ? CANCELLING.tolerance : TOLERANCE
    expectClose(result.latents.data, want.x, `x after step ${index}`, tolerance)
    if (want.x0 !== undefined) expectClose(result.denoised.data, want.x0, `x0 at step ${index}`, tolerance)
    latents = result.latents
  }
  if (golden.step_kwargs['s_noise'] === 0) return
  expect(draws).toEqual(golden.draws!.map((draw) => Array.from(new Float32Array(draw))))
}

/** Declares one test for every recorded case of a class. */
export function describeGoldens(className: string): void {
  describe(`${className} equals the reference`, () => {
    for (const golden of readGoldens(className)) {
      it(golden.name, () => {
        const draws: number[][] = []
        const start = () => schedulerOf(golden).startRun(optionsOf(golden, draws))
        if (isRefused(golden)) {
          expect(start).toThrow(DiffgentorError)
          return
        }
        const run = start()
        checkLayout(golden, run)
        if (golden.steps !== undefined) checkSteps(golden, run, draws)
      })
    }
  })
}
