import { describe, expect, it } from 'vitest'
import { createScheduler, listSchedulers } from '../../src/schedulers/create-scheduler.ts'

const MODEL = { _class_name: 'EulerDiscreteScheduler', beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' }
const named = (name: string, overrides?: Record<string, unknown>) => createScheduler({ name, modelConfig: MODEL, overrides })

describe('a scheduler name', () => {
  it.each([
    ['DDIMScheduler', 'DDIMScheduler'],
    ['dpmsolvermultistepscheduler', 'DPMSolverMultistepScheduler'],
    ['EulerAncestralDiscrete', 'EulerAncestralDiscreteScheduler'],
    ['Euler a', 'EulerAncestralDiscreteScheduler'],
    ['euler_ancestral', 'EulerAncestralDiscreteScheduler'],
    ['k_lms', 'LMSDiscreteScheduler'],
    ['PLMS', 'PNDMScheduler'],
    ['dpm_2', 'KDPM2DiscreteScheduler'],
    ['DPM2 a', 'KDPM2AncestralDiscreteScheduler'],
    ['dpmpp_2m', 'DPMSolverMultistepScheduler'],
    ['DPM++ 2M SDE Karras', 'DPMSolverMultistepScheduler'],
    ['uni_pc', 'UniPCMultistepScheduler'],
    ['UniPC', 'UniPCMultistepScheduler'],
    ['dpm++_2m_karras', 'DPMSolverMultistepScheduler'],
    ['heun-exponential', 'HeunDiscreteScheduler'],
  ])('%s means %s', (name, className) => {
    expect(named(name).className).toBe(className)
  })

  it('brings the settings that it stands for', () => {
    expect(named('dpm++_3m_sde_karras').config).toMatchObject({
      algorithm_type: 'sde-dpmsolver++',
      solver_order: 3,
      use_karras_sigmas: true,
    })
    expect(named('plms').config).toMatchObject({ skip_prk_steps: true })
    expect(named('euler_sgm_uniform').config).toMatchObject({ timestep_spacing: 'trailing' })
    expect(named('ddim_ddim_uniform').config).toMatchObject({ timestep_spacing: 'leading' })
  })

  it('gives way to overrides', () => {
    expect(named('dpm++_2m', { solver_order: 3 }).config).toMatchObject({ solver_order: 3 })
  })

  it('replaces another shape of noise levels', () => {
    const modelConfig = { ...MODEL, use_exponential_sigmas: true }
    const { config } = createScheduler({ name: 'euler_karras', modelConfig })
    expect(config).toMatchObject({ use_karras_sigmas: true, use_exponential_sigmas: false })
  })

  it('says so where the class is only the closest one', () => {
    expect(named('DPM++ 2S a').warning).toMatch(/adds no noise/)
    expect(named('dpm++_sde').warning).toMatch(/not those of diffusers/)
    expect(named('dpm++_2m').warning).toBeUndefined()
  })

  it('asks for aligned steps by its suffix', () => {
    expect(named('dpm++_2m_ays').alignsSteps).toBe(true)
    expect(named('dpm++_2m').alignsSteps).toBe(false)
  })

  it('is refused with the nearest and the known ones when nobody knows it', () => {
    expect(() => named('eulr')).toThrow(/no scheduler named eulr\. Did you mean euler\?.*dpm\+\+_2m.*UniPCMultistepScheduler/)
  })

  it('is refused with a suffix that the class has no option for', () => {
    expect(() => named('euler_a_karras')).toThrow(/EulerAncestralDiscreteScheduler has no option use_karras_sigmas/)
  })
})

it('lists every class with names that lead to it', () => {
  const listed = listSchedulers()
  expect(listed).toHaveLength(22)
  for (const { className, names } of listed) {
    expect(names.length, className).toBeGreaterThan(0)
    const modelConfig = { _class_name: className }
    for (const name of names) expect(createScheduler({ name, modelConfig }).className).toBe(className)
  }
})
