import { describe, expect, it } from 'vitest'
import { DiffgentorError } from '../../src/errors.ts'
import type { SchedulerRun } from '../../src/schedulers/scheduler.ts'
import {
  CANCELLING,
  countTimesteps,
  type GoldenCase,
  isRefused,
  measureSteps,
  readGoldens,
  startGolden,
  TOLERANCE,
  toleranceOf,
} from './measure-scheduler.ts'

export { type GoldenCase, predict, readGoldens, tensor } from './measure-scheduler.ts'

/** Compares within the tolerance of the fixtures, relative to max(1, |x|). */
export function expectClose(actual: ArrayLike<number>, expected: readonly number[], what: string, tolerance = TOLERANCE): void {
  expect(actual.length, `${what}: length`).toBe(expected.length)
  for (const [index, want] of expected.entries()) {
    const got = actual[index]!
    if (!(Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want))))
      expect.fail(`${what}[${index}]: ${got} instead of ${want}`)
  }
}

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
  const { deviation, where } = measureSteps(golden, run)
  expect(deviation, where).toBeLessThanOrEqual(toleranceOf(golden.class))
  if (golden.step_kwargs['s_noise'] === 0) return
  expect(draws).toEqual(golden.draws!.map((draw) => Array.from(new Float32Array(draw))))
}

/** Declares one test for every recorded case of a class. */
export function describeGoldens(className: string): void {
  describe(`${className} equals the reference`, () => {
    for (const golden of readGoldens(className)) {
      it(golden.name, () => {
        const draws: number[][] = []
        const start = () => startGolden(golden, draws)
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
