import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNoiseSource } from '../../src/noise/noise-source.ts'
import { alignYourSteps } from '../../src/schedulers/align-your-steps.ts'
import { createScheduler, listSchedulers } from '../../src/schedulers/create-scheduler.ts'
import type { ScheduleOptions, Scheduler, SchedulerRun } from '../../src/schedulers/scheduler.ts'
import { predict, tensor } from './scheduler-goldens.ts'

const SD = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' }
const silent = () => expect.fail('drew noise')

function named(className: string, config: Record<string, unknown> = SD): Scheduler {
  return createScheduler({ modelConfig: { _class_name: className, ...config } })
}

function start(scheduler: Scheduler, seed: number, options: Partial<ScheduleOptions> = {}): SchedulerRun {
  const { normal } = createNoiseSource({ source: 'torch-cpu', seed, dtype: 'float32' })
  return scheduler.startRun({ numInferenceSteps: 6, drawNoise: normal, ...options })
}

/** Steps through a run one call at a time, yielding the latents after each. */
function* walk(run: SchedulerRun, first: number) {
  let latents = tensor([first, -0.5, 0.25, 2])
  for (const step of run.steps) {
    latents = run.step(predict(run, latents, step), latents, step).latents
    yield Array.from(latents.data)
  }
}

describe('runs of one scheduler', () => {
  it.each(listSchedulers().map(({ className }) => className))('of %s never mix, however they take turns', (className) => {
    const scheduler = named(className)
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 30 }), (turns) => {
        const alone = [walk(start(scheduler, 1), 1), walk(start(scheduler, 2), 3)].map((steps) => [...steps])
        const together = [walk(start(scheduler, 1), 1), walk(start(scheduler, 2), 3)] as const
        const seen: number[][][] = [[], []]
        for (const turn of turns) {
          const { value } = together[Number(turn)]!.next()
          if (value) seen[Number(turn)]!.push(value)
        }
        for (const side of [0, 1]) seen[side]!.push(...together[side]!)
        expect(seen).toEqual(alone)
      }),
      { numRuns: 20 },
    )
  })

  it.each(listSchedulers().map(({ className }) => className))('of %s leave what they are given untouched', (className) => {
    const run = start(named(className), 1)
    let latents = tensor([1, -0.5, 0.25, 2])
    for (const step of run.steps) {
      const before = Array.from(latents.data)
      const prediction = predict(run, latents, step)
      const predicted = Array.from(prediction.data)
      const { latents: next } = run.step(prediction, latents, step)
      expect(Array.from(latents.data)).toEqual(before)
      expect(Array.from(prediction.data)).toEqual(predicted)
      latents = next
    }
  })

  it.each(listSchedulers().map(({ className }) => className))(
    'of %s let the array of a prediction be used again',
    (className) => {
      const scheduler = named(className)
      const fresh = [...walk(start(scheduler, 1), 1)]
      const run = start(scheduler, 1)
      const reused = new Float32Array(4)
      let latents = tensor([1, -0.5, 0.25, 2])
      for (const step of run.steps) {
        reused.set(predict(run, latents, step).data)
        latents = run.step({ data: reused, shape: latents.shape }, latents, step).latents
      }
      expect(Array.from(latents.data)).toEqual(fresh.at(-1))
    },
  )
})

describe('a part of the schedule', () => {
  const timesteps = (run: SchedulerRun) => run.steps.map(({ timestep }) => timestep)
  const leading = { ...SD, timestep_spacing: 'leading', steps_offset: 1 }

  it('begins at an entry of the full list', () => {
    const scheduler = named('EulerDiscreteScheduler', leading)
    const whole = start(scheduler, 1)
    const part = start(scheduler, 1, { beginIndex: 2 })
    expect(timesteps(part)).toEqual(timesteps(whole).slice(2))
    expect(part.steps[0]).toMatchObject({ index: 0, sigma: whole.steps[2]!.sigma })
    expect(part.initNoiseSigma).toBe(whole.initNoiseSigma)
  })

  it('is split between base and refiner at a timestep, none left out or run twice', () => {
    const scheduler = named('EulerDiscreteScheduler', leading)
    const base = start(scheduler, 1, { numInferenceSteps: 10, keepFrom: 200 })
    const refiner = start(scheduler, 1, { numInferenceSteps: 10, keepBelow: 200 })
    expect([...timesteps(base), ...timesteps(refiner)]).toEqual(timesteps(start(scheduler, 1, { numInferenceSteps: 10 })))
  })

  it('takes one entry more for the refiner where a second-order pair would be cut', () => {
    const scheduler = named('HeunDiscreteScheduler', leading)
    const whole = timesteps(start(scheduler, 1, { numInferenceSteps: 7 }))
    for (const keepBelow of [200, 300, 500, 900]) {
      expect(timesteps(start(scheduler, 1, { numInferenceSteps: 7, keepBelow })).length % 2).toBe(1)
    }
    expect(whole).toHaveLength(13)
  })

  it('is refused when nothing is left of it', () => {
    const scheduler = named('DDIMScheduler')
    expect(() => start(scheduler, 1, { beginIndex: 6 })).toThrow(/No inference step is left/)
    expect(() => start(scheduler, 1, { keepFrom: 5000 })).toThrow(/No inference step is left/)
  })
})

describe('the number of steps', () => {
  it.each([0, -1, 1.5, Number.NaN])('cannot be %s', (numInferenceSteps) => {
    expect(() => start(named('DDIMScheduler'), 1, { numInferenceSteps })).toThrow(/whole number of at least 1/)
  })

  it.each(['DDIMScheduler', 'DDPMScheduler', 'PNDMScheduler', 'LCMScheduler', 'TCDScheduler'])(
    'cannot exceed what %s was trained on',
    (name) => {
      expect(() => start(named(name), 1, { numInferenceSteps: 1001 })).toThrow(
        expect.objectContaining({ field: 'num_inference_steps' }),
      )
    },
  )

  it('is bounded by the strength for distilled models', () => {
    const message = /4 inference steps are more than the 3 that the model was distilled on/
    expect(() => start(named('LCMScheduler', {}), 1, { numInferenceSteps: 4, strength: 0.06 })).toThrow(message)
  })

  it('is exact where rounding would add a step below zero', () => {
    for (const numInferenceSteps of [61, 103, 121, 122]) {
      const { steps } = start(named('DDIMScheduler', { ...SD, timestep_spacing: 'trailing' }), 1, { numInferenceSteps })
      expect(steps).toHaveLength(numInferenceSteps)
      expect(steps.at(-1)!.timestep).toBeGreaterThanOrEqual(0)
    }
  })
})

it('lays levels out as Karras does where a configuration asks for those of Lu too, as the reference does', () => {
  const levels = (config: Record<string, unknown>) =>
    start(named('DPMSolverMultistepScheduler', { ...SD, ...config }), 1).steps.map(({ sigma }) => sigma)
  const karras = levels({ use_karras_sigmas: true })
  expect(levels({ use_karras_sigmas: true, use_lu_lambdas: true })).toEqual(karras)
  expect(levels({ use_lu_lambdas: true })).not.toEqual(karras)
})

describe('custom timesteps', () => {
  it('are taken as they are by those that can', () => {
    const timesteps = alignYourSteps('stable-diffusion-xl', 10)
    const { steps } = start(named('DPMSolverMultistepScheduler'), 1, { timesteps })
    expect(steps.map(({ timestep }) => timestep)).toEqual([999, 845, 730, 587, 443, 310, 193, 116, 53, 13])
  })

  it('are refused by the others', () => {
    const options = { numInferenceSteps: 2, timesteps: [900, 100], drawNoise: silent }
    expect(() => named('DDIMScheduler').startRun(options)).toThrow(/DDIMScheduler takes no list of timesteps/)
    expect(() => named('EulerDiscreteScheduler', { ...SD, use_karras_sigmas: true }).startRun(options)).toThrow(
      /use_karras_sigmas/,
    )
    expect(() => named('LCMScheduler', {}).startRun({ ...options, timesteps: [100, 900] })).toThrow(/falling whole numbers/)
  })

  it('of Align Your Steps keep their ends and fall for any number of steps', () => {
    for (const count of [2, 5, 20, 40]) {
      const timesteps = alignYourSteps('stable-diffusion', count)
      expect(timesteps).toHaveLength(count)
      expect([timesteps[0], timesteps.at(-1)]).toEqual([999, 24])
      expect(timesteps).toEqual([...new Set(timesteps)].sort((a, b) => b - a))
    }
  })
})
