/** A sampler as A1111 lists it. Its name, in any spelling, is also a name of our schedulers. */
interface Sampler {
  name: string
  aliases: readonly string[]
}

export const SAMPLERS: readonly Sampler[] = [
  { name: 'DPM++ 2M', aliases: ['k_dpmpp_2m'] },
  { name: 'DPM++ SDE', aliases: ['k_dpmpp_sde'] },
  { name: 'DPM++ 2M SDE', aliases: ['k_dpmpp_2m_sde'] },
  { name: 'DPM++ 2M SDE Heun', aliases: ['k_dpmpp_2m_sde_heun'] },
  { name: 'DPM++ 2S a', aliases: ['k_dpmpp_2s_a'] },
  { name: 'DPM++ 3M SDE', aliases: ['k_dpmpp_3m_sde'] },
  { name: 'Euler a', aliases: ['k_euler_a', 'k_euler_ancestral'] },
  { name: 'Euler', aliases: ['k_euler'] },
  { name: 'LMS', aliases: ['k_lms'] },
  { name: 'Heun', aliases: ['k_heun'] },
  { name: 'DPM2', aliases: ['k_dpm_2'] },
  { name: 'DPM2 a', aliases: ['k_dpm_2_a', 'k_dpm_2_ancestral'] },
  { name: 'DDIM', aliases: ['ddim'] },
  { name: 'DDPM', aliases: ['ddpm'] },
  { name: 'PLMS', aliases: ['plms'] },
  { name: 'UniPC', aliases: ['unipc'] },
  { name: 'DEIS', aliases: ['deis'] },
  { name: 'LCM', aliases: ['k_lcm'] },
  { name: 'TCD', aliases: ['tcd'] },
]

/** A layout of the steps; `suffix` is what our schedulers' names end in for it. */
export interface Schedule {
  name: string
  label: string
  aliases: readonly string[]
  suffix: string | undefined
}

export const SCHEDULES: readonly Schedule[] = [
  { name: 'automatic', label: 'Automatic', aliases: [], suffix: undefined },
  { name: 'uniform', label: 'Uniform', aliases: [], suffix: 'normal' },
  { name: 'karras', label: 'Karras', aliases: [], suffix: 'karras' },
  { name: 'exponential', label: 'Exponential', aliases: [], suffix: 'exponential' },
  { name: 'sgm_uniform', label: 'SGM Uniform', aliases: ['SGMUniform'], suffix: 'sgm_uniform' },
  { name: 'align_your_steps', label: 'Align Your Steps', aliases: [], suffix: 'align_your_steps' },
  { name: 'simple', label: 'Simple', aliases: [], suffix: 'simple' },
  { name: 'normal', label: 'Normal', aliases: [], suffix: 'normal' },
  { name: 'ddim', label: 'DDIM', aliases: ['ddim_uniform'], suffix: 'ddim_uniform' },
  { name: 'beta', label: 'Beta', aliases: [], suffix: 'beta' },
]

/** The sampler of a name, and the schedule that older clients put at its end, as in `DPM++ 2M Karras`. */
export function splitSampler(name: string): { sampler: Sampler | undefined; ending: Schedule | undefined } {
  const whole = findSampler(name)
  if (whole) return { sampler: whole, ending: undefined }
  const ending = SCHEDULES.find(({ label }) => name.toLowerCase().endsWith(` ${label.toLowerCase()}`))
  return { sampler: ending && findSampler(name.slice(0, -ending.label.length - 1)), ending }
}

export function findSchedule(name: string): Schedule | undefined {
  return SCHEDULES.find((schedule) => isNamed([schedule.name, schedule.label, ...schedule.aliases], name))
}

function findSampler(name: string): Sampler | undefined {
  return SAMPLERS.find((sampler) => isNamed([sampler.name, ...sampler.aliases], name))
}

function isNamed(names: readonly string[], name: string): boolean {
  return names.some((known) => known.toLowerCase() === name.trim().toLowerCase())
}
