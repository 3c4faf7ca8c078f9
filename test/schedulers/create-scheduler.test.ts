import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createScheduler } from '../../src/schedulers/create-scheduler.ts'
import { parseSchedulerConfig } from '../../src/schedulers/scheduler-config.ts'
import { fixturePath } from '../support/fixtures.ts'

const SD = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' }

interface PipelineCase {
  model: string
  scheduler?: [className: string, overrides: Record<string, unknown>]
  scheduler_config: Record<string, unknown>
}

function readCases(): [name: string, golden: PipelineCase][] {
  const folder = fixturePath('goldens')
  return readdirSync(folder)
    .filter((name) => existsSync(`${folder}/${name}/case.json`))
    .map((name) => [name, JSON.parse(readFileSync(`${folder}/${name}/case.json`, 'utf8')) as PipelineCase])
}

const cases = readCases().filter(([, { model }]) => existsSync(fixturePath(`models/${model}/scheduler/scheduler_config.json`)))

describe('the configuration in force equals that of diffusers', () => {
  // The reference turns this one on by itself while it lays out a run.
  const decidedPerRun = 'lower_order_final'

  it.each(cases)('in the pipeline case %s', (_, golden) => {
    const modelConfig = parseSchedulerConfig(
      readFileSync(fixturePath(`models/${golden.model}/scheduler/scheduler_config.json`), 'utf8'),
    )
    const scheduler = createScheduler({ name: golden.scheduler?.[0], modelConfig, overrides: golden.scheduler?.[1] })
    expect(scheduler.className).toBe(golden.scheduler_config['_class_name'])
    const known = Object.keys(scheduler.config).filter((key) => key in golden.scheduler_config && key !== decidedPerRun)
    const expected = Object.fromEntries(
      known.map((key) => [key, golden.scheduler_config[key] === '-inf' ? -Infinity : golden.scheduler_config[key]]),
    )
    expect(Object.fromEntries(known.map((key) => [key, scheduler.config[key]]))).toEqual(expected)
  })
})

describe("another class over a model's configuration", () => {
  it('keeps what both know and takes its own defaults for the rest', () => {
    const modelConfig = { _class_name: 'PNDMScheduler', ...SD, skip_prk_steps: true, prediction_type: 'v_prediction' }
    const { config } = createScheduler({ name: 'ddim', modelConfig })
    expect(config).toMatchObject({ ...SD, prediction_type: 'v_prediction', clip_sample: true, timestep_spacing: 'leading' })
    expect(config).not.toHaveProperty('skip_prk_steps')
  })

  it('reads the words of other solvers as its own', () => {
    const modelConfig = { _class_name: 'UniPCMultistepScheduler', ...SD, solver_type: 'bh2' }
    expect(createScheduler({ name: 'dpm_solver_multistep', modelConfig }).config).toMatchObject({ solver_type: 'midpoint' })
  })

  it('takes null for absent where the class has a default', () => {
    const modelConfig = { _class_name: 'DDIMScheduler', trained_betas: null, steps_offset: null }
    expect(createScheduler({ modelConfig }).config).toMatchObject({ trained_betas: null, steps_offset: 0 })
  })
})

describe('what a scheduler cannot do is refused before the first step', () => {
  const euler = { _class_name: 'EulerDiscreteScheduler', ...SD }

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'an unknown option',
      { use_karas_sigmas: true },
      /has no option use_karas_sigmas\. Did you mean use_karras_sigmas\?.*timestep_spacing/,
    ],
    ['an option named like a property of every object', { constructor: 1 }, /has no option constructor/],
    ['a wrong type', { use_karras_sigmas: 'yes' }, /use_karras_sigmas of EulerDiscreteScheduler takes true or false, not "yes"/],
    ['a wrong word', { timestep_spacing: 'late' }, /takes one of linspace, leading, trailing, not "late"/],
    ['two shapes', { use_karras_sigmas: true, use_beta_sigmas: true }, /Only one of/],
  ])('%s', (_, overrides, message) => {
    const start = () =>
      createScheduler({ modelConfig: euler, overrides }).startRun({
        numInferenceSteps: 5,
        drawNoise: () => expect.fail('drew noise'),
      })
    expect(start).toThrow(message)
  })

  it("a torn value in the model's file, by its name", () => {
    expect(() => createScheduler({ modelConfig: { ...euler, beta_start: 'x' } })).toThrow(
      expect.objectContaining({ code: 'model_unreadable', field: 'beta_start' }),
    )
  })

  it.each<[string, Record<string, unknown>]>([
    ['EulerAncestralDiscreteScheduler', { prediction_type: 'sample' }],
    ['UniPCMultistepScheduler', { solver_type: 'bh1' }],
    ['DPMSolverMultistepScheduler', { algorithm_type: 'sde-dpmsolver', solver_order: 3, final_sigmas_type: 'sigma_min' }],
    ['DPMSolverMultistepScheduler', { algorithm_type: 'dpmsolver' }],
    ['DPMSolverMultistepScheduler', { solver_order: 4 }],
  ])('%s with %o', (className, config) => {
    expect(() => createScheduler({ modelConfig: { _class_name: className, ...SD, ...config } })).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    )
  })

  it('an epsilon scheduler for a flow model, with those that fit', () => {
    const modelConfig = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 }
    expect(() => createScheduler({ name: 'ddim', modelConfig })).toThrow(/flow_prediction.*FlowMatchHeunDiscreteScheduler/)
  })

  it('a flow scheduler for an epsilon model, with those that fit', () => {
    expect(() => createScheduler({ name: 'flow_match_euler', modelConfig: euler })).toThrow(/epsilon.*DDIMScheduler/)
  })

  it('says how a solver fits a flow model', () => {
    const modelConfig = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 }
    expect(() => createScheduler({ name: 'unipc', modelConfig })).toThrow(
      /set prediction_type to flow_prediction and use_flow_sigmas/,
    )
  })

  it('lets a solver run a flow model when told to', () => {
    const modelConfig = { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 }
    const overrides = { use_flow_sigmas: true, prediction_type: 'flow_prediction', flow_shift: 3 }
    expect(createScheduler({ name: 'unipc', modelConfig, overrides }).predictionType).toBe('flow_prediction')
  })

  it('a configuration that names no class, without a name', () => {
    expect(() => createScheduler({ modelConfig: SD })).toThrow(/names no _class_name/)
  })
})

describe('a scheduler configuration as Python writes it', () => {
  it('may hold infinities', () => {
    const config = parseSchedulerConfig(
      readFileSync(fixturePath('schedulers/config-with-infinity/scheduler_config.json'), 'utf8'),
    )
    expect(config['lambda_min_clipped']).toBe(-Infinity)
    expect(createScheduler({ modelConfig: config }).className).toBe('DPMSolverMultistepScheduler')
  })

  it('keeps such words inside strings', () => {
    expect(parseSchedulerConfig('{"a": "-Infinity and \\"NaN\\"", "b": NaN}')).toEqual({ a: '-Infinity and "NaN"', b: null })
  })

  it.each(['{', '[]', '3'])('is refused when it is %s', (text) => {
    expect(() => parseSchedulerConfig(text)).toThrow(expect.objectContaining({ code: 'model_unreadable' }))
  })
})
