/** A1111's name of a sampler with the diffusers class that does the same, and the settings that tell variants of a class apart. */
interface SamplerEntry {
  sampler: string
  scheduler: string
  config?: Readonly<Record<string, unknown>>
}

const SAMPLERS: readonly SamplerEntry[] = [
  { sampler: 'Euler', scheduler: 'EulerDiscreteScheduler' },
  { sampler: 'Euler a', scheduler: 'EulerAncestralDiscreteScheduler' },
  { sampler: 'LMS', scheduler: 'LMSDiscreteScheduler' },
  { sampler: 'Heun', scheduler: 'HeunDiscreteScheduler' },
  { sampler: 'DPM2', scheduler: 'KDPM2DiscreteScheduler' },
  { sampler: 'DPM2 a', scheduler: 'KDPM2AncestralDiscreteScheduler' },
  {
    sampler: 'DPM++ 2M SDE',
    scheduler: 'DPMSolverMultistepScheduler',
    config: { algorithm_type: 'sde-dpmsolver++' },
  },
  { sampler: 'DPM++ 2M', scheduler: 'DPMSolverMultistepScheduler' },
  { sampler: 'DPM++ 2S', scheduler: 'DPMSolverSinglestepScheduler' },
  { sampler: 'DPM++ SDE', scheduler: 'DPMSolverSDEScheduler' },
  { sampler: 'DDIM', scheduler: 'DDIMScheduler' },
  { sampler: 'DDPM', scheduler: 'DDPMScheduler' },
  { sampler: 'PLMS', scheduler: 'PNDMScheduler' },
  { sampler: 'UniPC', scheduler: 'UniPCMultistepScheduler' },
  { sampler: 'DEIS', scheduler: 'DEISMultistepScheduler' },
  { sampler: 'LCM', scheduler: 'LCMScheduler' },
  { sampler: 'TCD', scheduler: 'TCDScheduler' },
]

const SCHEDULES = { Karras: 'use_karras_sigmas', Exponential: 'use_exponential_sigmas', Beta: 'use_beta_sigmas' } as const

type Config = Readonly<Record<string, unknown>>

/** How A1111 would call a scheduler; one that it lacks keeps its class name without the ending. */
export function samplerNames(scheduler: string | undefined, config: Config = {}): { sampler?: string; schedule?: string } {
  if (scheduler === undefined) return {}
  const entry = SAMPLERS.find(
    (known) =>
      known.scheduler === scheduler && Object.entries(known.config ?? {}).every(([name, value]) => config[name] === value),
  )
  const schedule = Object.entries(SCHEDULES).find(([, key]) => config[key] === true)?.[0]
  return { sampler: entry?.sampler ?? scheduler.replace(/Scheduler$/, ''), ...(schedule && { schedule }) }
}

/** The diffusers class behind A1111's names. Older files put the schedule into the sampler's name: `DPM++ 2M Karras`. */
export function diffusersScheduler(
  sampler: string | undefined,
  schedule: string | undefined,
): { scheduler?: string; schedulerConfig?: Config } {
  if (sampler === undefined) return {}
  const [, plain = sampler, ending] = /^(.*?)(?: (Karras|Exponential|Beta))?$/.exec(sampler) ?? []
  const entry = SAMPLERS.find((known) => known.sampler === plain)
  if (!entry) return { scheduler: sampler }
  const key = SCHEDULES[(ending ?? schedule) as keyof typeof SCHEDULES]
  const config = { ...entry.config, ...(key && { [key]: true }) }
  return { scheduler: entry.scheduler, ...(Object.keys(config).length > 0 && { schedulerConfig: config }) }
}
