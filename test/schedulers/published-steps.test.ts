import { describe, expect, it } from 'vitest'
import { createNoiseSource } from '../../src/noise/noise-source.ts'
import { createScheduler } from '../../src/schedulers/create-scheduler.ts'
import type { ScheduleOptions } from '../../src/schedulers/scheduler.ts'
import { expectClose, predict, tensor } from './scheduler-goldens.ts'

/** The schedule of Stable Diffusion, as a model's configuration of some class. */
const SD = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' }
const LEADING = { timestep_spacing: 'leading', steps_offset: 1 }
const TRAILING_V = { timestep_spacing: 'trailing', prediction_type: 'v_prediction' }
const FLOW = { use_flow_sigmas: true, prediction_type: 'flow_prediction' }
const linear = (count: number) => Array.from({ length: count }, (_, index) => 1 - (index * (1 - 1 / count)) / (count - 1))

function run(className: string, config: Record<string, unknown>, options: Partial<ScheduleOptions> = {}) {
  const noise = createNoiseSource({ source: 'torch-cpu', seed: 0, dtype: 'float32' })
  const scheduler = createScheduler({ modelConfig: { _class_name: className, ...config } })
  const started = scheduler.startRun({ numInferenceSteps: 5, drawNoise: noise.normal, ...options })
  let latents = tensor([1, -0.5, 0.25, 2].map((value) => value * started.initNoiseSigma))
  for (const step of started.steps) latents = started.step(predict(started, latents, step), latents, step).latents
  return { latents, timesteps: started.steps.map(({ timestep }) => timestep), sigmas: started.steps.map(({ sigma }) => sigma!) }
}

type Row = [
  name: string,
  className: string,
  config: Record<string, unknown>,
  result: number[],
  options?: Partial<ScheduleOptions>,
]

const ddim = { ...SD, clip_sample: false, set_alpha_to_one: false }
const rows: Row[] = [
  ['DDIM', 'DDIMScheduler', { ...ddim, ...LEADING }, [1.766714, -0.964195, 0.401259, 3.587319]],
  [
    'DDIM with half the noise',
    'DDIMScheduler',
    { ...ddim, ...LEADING },
    [1.835449, -1.495788, -0.671039, 3.811274],
    { eta: 0.5 },
  ],
  [
    'DDIM on a zero-SNR v model',
    'DDIMScheduler',
    { ...ddim, ...TRAILING_V, rescale_betas_zero_snr: true },
    [0.325921, -0.131348, 0.097286, 0.630767],
  ],
  ['PNDM', 'PNDMScheduler', { ...SD, ...LEADING, skip_prk_steps: true }, [1.602489, -0.757721, 0.422384, 3.175962]],
  ['LMS', 'LMSDiscreteScheduler', SD, [2.976923, -2.035904, 0.470509, 6.318808]],
  ['Euler', 'EulerDiscreteScheduler', SD, [3.154512, -2.227785, 0.463364, 6.742711]],
  ['Euler leading', 'EulerDiscreteScheduler', { ...SD, ...LEADING }, [1.744483, -0.947535, 0.398473, 3.539161]],
  ['Euler on a v model', 'EulerDiscreteScheduler', { ...SD, ...TRAILING_V }, [0.33519, -0.134759, 0.100216, 0.648489]],
  ['Euler Karras', 'EulerDiscreteScheduler', { ...SD, use_karras_sigmas: true }, [3.281698, -2.336671, 0.472514, 7.02728]],
  [
    'Euler exponential',
    'EulerDiscreteScheduler',
    { ...SD, use_exponential_sigmas: true },
    [3.499968, -2.576756, 0.461606, 7.551118],
  ],
  ['Euler beta', 'EulerDiscreteScheduler', { ...SD, use_beta_sigmas: true }, [3.386033, -2.423221, 0.481406, 7.258869]],
  ['Euler ancestral', 'EulerAncestralDiscreteScheduler', SD, [2.298213, -2.895974, -2.213502, 5.147622]],
  [
    'Euler ancestral in one step',
    'EulerAncestralDiscreteScheduler',
    { ...SD, timestep_spacing: 'trailing' },
    [5.865827, -5.120726, 0.372551, 13.190197],
    { numInferenceSteps: 1 },
  ],
  ['Heun', 'HeunDiscreteScheduler', SD, [-0.450355, 1.647893, 0.598768, -1.849187], { numInferenceSteps: 3 }],
  ['KDPM2', 'KDPM2DiscreteScheduler', SD, [1.334739, -0.055007, 0.639866, 2.261235], { numInferenceSteps: 3 }],
  ['DPM++ 2M', 'DPMSolverMultistepScheduler', SD, [2.638463, -1.674285, 0.482089, 5.513627]],
  [
    'DPM++ 2M Karras',
    'DPMSolverMultistepScheduler',
    { ...SD, use_karras_sigmas: true },
    [1.919047, -0.883384, 0.517831, 3.787334],
  ],
  ['DPM++ 2M leading', 'DPMSolverMultistepScheduler', { ...SD, ...LEADING }, [1.729398, -0.893833, 0.417782, 3.478219]],
  [
    'DPM++ 2M Karras in 20 steps',
    'DPMSolverMultistepScheduler',
    { ...SD, use_karras_sigmas: true },
    [2.52057, -1.504869, 0.507851, 5.204196],
    { numInferenceSteps: 20 },
  ],
  [
    'DPM++ 2M SDE Karras',
    'DPMSolverMultistepScheduler',
    { ...SD, use_karras_sigmas: true, algorithm_type: 'sde-dpmsolver++' },
    [0.586016, -1.816133, -3.787415, 0.719642],
  ],
  [
    'DPM++ 2M of Heun kind',
    'DPMSolverMultistepScheduler',
    { ...SD, solver_type: 'heun' },
    [2.585374, -1.618281, 0.483546, 5.38781],
  ],
  ['DPM++ 3M', 'DPMSolverMultistepScheduler', { ...SD, solver_order: 3 }, [2.640566, -1.688476, 0.476044, 5.526592]],
  ['DPM++ 2M lu', 'DPMSolverMultistepScheduler', { ...SD, use_lu_lambdas: true }, [2.43944, -1.435658, 0.501891, 5.022837]],
  ['DPM++ 2S', 'DPMSolverSinglestepScheduler', SD, [2.809629, -1.848595, 0.480517, 5.91511]],
  ['UniPC', 'UniPCMultistepScheduler', SD, [2.536436, -1.570396, 0.48302, 5.274323]],
  [
    'UniPC of order 3',
    'UniPCMultistepScheduler',
    { ...SD, solver_order: 3 },
    [2.542547, -1.551745, 0.495401, 5.272074],
    { numInferenceSteps: 8 },
  ],
  ['DEIS', 'DEISMultistepScheduler', SD, [2.79488, -1.826022, 0.484428, 5.875481]],
  [
    'DEIS of order 3',
    'DEISMultistepScheduler',
    { ...SD, solver_order: 3 },
    [2.654752, -1.662674, 0.496039, 5.533036],
    { numInferenceSteps: 8 },
  ],
  ['LCM', 'LCMScheduler', {}, [1.467724, -2.511846, -1.954949, 3.85748], { numInferenceSteps: 4 }],
  ['TCD', 'TCDScheduler', {}, [3.130919, -3.213556, -2.453481, 6.151177], { numInferenceSteps: 4 }],
  [
    'flow matching shifted by 3',
    'FlowMatchEulerDiscreteScheduler',
    { shift: 3 },
    [0.534637, -0.316341, 0.109148, 1.101955],
    { numInferenceSteps: 4 },
  ],
  [
    'flow matching shifted by the picture size',
    'FlowMatchEulerDiscreteScheduler',
    { use_dynamic_shifting: true },
    [0.551485, -0.312129, 0.119678, 1.127227],
    { sigmas: linear(4), mu: 1.15 },
  ],
  [
    'flow matching stretched to a terminal level',
    'FlowMatchEulerDiscreteScheduler',
    { use_dynamic_shifting: true, shift_terminal: 0.02 },
    [0.554051, -0.311487, 0.121282, 1.131076],
    { sigmas: linear(4), mu: 0.8 },
  ],
  [
    'UniPC on a flow model',
    'UniPCMultistepScheduler',
    { ...FLOW, flow_shift: 5 },
    [0.566692, -0.308248, 0.129222, 1.149985],
    { numInferenceSteps: 6 },
  ],
  ['DPM++ on a flow model', 'DPMSolverMultistepScheduler', { ...FLOW, flow_shift: 3 }, [0.576571, -0.305875, 0.135348, 1.164869]],
]

describe('a run equals the published numbers', () => {
  it.each(rows)('for %s', (_, className, config, result, options) => {
    expectClose(run(className, config, options).latents.data, result, 'latents')
  })
})

describe('timesteps and noise levels equal the published tables', () => {
  it.each<[string, string, Record<string, unknown>, number[]]>([
    ['Euler linspace', 'EulerDiscreteScheduler', SD, [999, 749.25, 499.5, 249.75, 0]],
    ['Euler leading', 'EulerDiscreteScheduler', { ...SD, ...LEADING }, [801, 601, 401, 201, 1]],
    ['Euler trailing', 'EulerDiscreteScheduler', { ...SD, timestep_spacing: 'trailing' }, [999, 799, 599, 399, 199]],
    ['DPM++ Karras', 'DPMSolverMultistepScheduler', { ...SD, use_karras_sigmas: true }, [999, 786, 427, 59, 0]],
    ['DPM++ leading', 'DPMSolverMultistepScheduler', { ...SD, ...LEADING }, [831, 665, 499, 333, 167]],
    ['PNDM leading', 'PNDMScheduler', { ...SD, ...LEADING, skip_prk_steps: true }, [801, 601, 601, 401, 201, 1]],
    ['DPM++ on a flow model', 'DPMSolverMultistepScheduler', { ...FLOW, flow_shift: 3 }, [999, 922, 817, 666, 428]],
  ])('for %s', (_, className, config, timesteps) => {
    expect(run(className, config).timesteps).toEqual(timesteps)
  })

  it.each([
    [4, [999, 759, 499, 259]],
    [8, [999, 879, 759, 639, 499, 379, 259, 139]],
  ])('for LCM in %i steps', (numInferenceSteps, timesteps) => {
    expect(run('LCMScheduler', {}, { numInferenceSteps }).timesteps).toEqual(timesteps)
  })

  it('for Euler over the whole schedule', () => {
    expectClose(run('EulerDiscreteScheduler', SD).sigmas, [14.614647, 4.086089, 1.615583, 0.695151, 0.029168], 'sigmas')
  })
})
