import { nearestName } from '../config/nearest-name.ts'
import { DiffgentorError } from '../errors.ts'

/** What a name means: a class, keys put over the model's configuration, and what to tell the user. */
export interface ResolvedSchedulerName {
  readonly className: string
  readonly overrides: Readonly<Record<string, unknown>>
  readonly warning?: string | undefined
  /** The timesteps are those of "Align Your Steps". */
  readonly alignsSteps?: boolean | undefined
}

/** A row of the table: short names of other tools, the first being the one shown, and the class that they mean. */
export interface SchedulerAlias extends ResolvedSchedulerName {
  readonly names: readonly string[]
}

const dpmMultistep = (algorithm: string, order: number, solverType = 'midpoint') => ({
  className: 'DPMSolverMultistepScheduler',
  overrides: { algorithm_type: algorithm, solver_order: order, solver_type: solverType },
})

/** Names of A1111, ComfyUI and older scripts. Case, blanks, hyphens and underscores do not count, and `++` may be written `pp`. */
export const SCHEDULER_ALIASES: readonly SchedulerAlias[] = [
  { names: ['ddim'], className: 'DDIMScheduler', overrides: {} },
  { names: ['ddpm'], className: 'DDPMScheduler', overrides: {} },
  { names: ['pndm'], className: 'PNDMScheduler', overrides: {} },
  { names: ['plms'], className: 'PNDMScheduler', overrides: { skip_prk_steps: true } },
  { names: ['euler', 'k_euler'], className: 'EulerDiscreteScheduler', overrides: {} },
  {
    names: ['euler_a', 'euler_ancestral', 'k_euler_a', 'k_euler_ancestral'],
    className: 'EulerAncestralDiscreteScheduler',
    overrides: {},
  },
  { names: ['heun', 'k_heun'], className: 'HeunDiscreteScheduler', overrides: {} },
  { names: ['lms', 'k_lms'], className: 'LMSDiscreteScheduler', overrides: {} },
  { names: ['dpm2', 'dpm_2', 'k_dpm_2'], className: 'KDPM2DiscreteScheduler', overrides: {} },
  {
    names: ['dpm2_a', 'dpm_2_ancestral', 'k_dpm_2_ancestral', 'k_dpm_2_a'],
    className: 'KDPM2AncestralDiscreteScheduler',
    overrides: {},
  },
  { names: ['dpm++_2m', 'dpm_solver', 'dpm_solver++', 'dpm'], ...dpmMultistep('dpmsolver++', 2) },
  { names: ['dpm++_3m'], ...dpmMultistep('dpmsolver++', 3) },
  { names: ['dpm++_2m_sde', 'dpm++_2m_sde_gpu'], ...dpmMultistep('sde-dpmsolver++', 2) },
  { names: ['dpm++_2m_sde_heun'], ...dpmMultistep('sde-dpmsolver++', 2, 'heun') },
  { names: ['dpm++_3m_sde', 'dpm++_3m_sde_gpu'], ...dpmMultistep('sde-dpmsolver++', 3) },
  { names: ['dpm++_2s'], className: 'DPMSolverSinglestepScheduler', overrides: {} },
  {
    names: ['dpm++_2s_a', 'dpm++_2s_ancestral'],
    className: 'DPMSolverSinglestepScheduler',
    overrides: {},
    warning: 'DPM++ 2S a runs as DPMSolverSinglestepScheduler, which adds no noise between steps.',
  },
  { names: ['dpm++_sde', 'dpm++_sde_gpu'], className: 'DPMSolverSDEScheduler', overrides: {} },
  { names: ['unipc', 'uni_pc', 'uni_pc_bh2'], className: 'UniPCMultistepScheduler', overrides: {} },
  { names: ['deis'], className: 'DEISMultistepScheduler', overrides: {} },
  { names: ['lcm'], className: 'LCMScheduler', overrides: {} },
  { names: ['tcd'], className: 'TCDScheduler', overrides: {} },
  { names: ['flow_match_euler'], className: 'FlowMatchEulerDiscreteScheduler', overrides: {} },
  { names: ['flow_match_heun'], className: 'FlowMatchHeunDiscreteScheduler', overrides: {} },
  { names: ['flow_match_lcm'], className: 'FlowMatchLCMScheduler', overrides: {} },
  { names: ['scm'], className: 'SCMScheduler', overrides: {} },
  { names: ['edm_euler'], className: 'EDMEulerScheduler', overrides: {} },
  { names: ['edm_dpm++_2m'], className: 'EDMDPMSolverMultistepScheduler', overrides: {} },
]

const shape = (chosen: string) => ({
  overrides: {
    use_karras_sigmas: chosen === 'karras',
    use_exponential_sigmas: chosen === 'exponential',
    use_beta_sigmas: chosen === 'beta',
  },
})

/** Words after a name that say how the schedule is laid out. */
const SUFFIXES: Readonly<Record<string, Pick<ResolvedSchedulerName, 'overrides' | 'alignsSteps'>>> = {
  karras: shape('karras'),
  exponential: shape('exponential'),
  beta: shape('beta'),
  simple: { overrides: { timestep_spacing: 'trailing' } },
  sgm_uniform: { overrides: { timestep_spacing: 'trailing' } },
  normal: { overrides: { timestep_spacing: 'linspace' } },
  ddim_uniform: { overrides: { timestep_spacing: 'leading' } },
  ays: { overrides: {}, alignsSteps: true },
  align_your_steps: { overrides: {}, alignsSteps: true },
}

function normalize(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('++', 'pp')
    .replace(/[^a-z0-9]/g, '')
}

const BY_NAME = new Map<string, ResolvedSchedulerName>()
for (const { names, ...meaning } of SCHEDULER_ALIASES) {
  for (const word of [
    meaning.className,
    meaning.className.replace('Scheduler', ''),
    meaning.className.replace(/(Discrete|Multistep)?Scheduler/, ''),
  ]) {
    BY_NAME.set(normalize(word), { className: meaning.className, overrides: {} })
  }
}
for (const { names, ...meaning } of SCHEDULER_ALIASES) for (const name of names) BY_NAME.set(normalize(name), meaning)

/**
 * The class and settings that a name stands for: a diffusers class name or a short name, with an optional suffix such as
 * `_karras`, in any case.
 *
 * @throws DiffgentorError `invalid_request` for an unknown name, with the known ones.
 */
export function resolveSchedulerName(name: string): ResolvedSchedulerName {
  const wanted = normalize(name)
  const plain = BY_NAME.get(wanted)
  if (plain !== undefined) return plain
  for (const [suffix, layout] of Object.entries(SUFFIXES)) {
    const ending = normalize(suffix)
    const base = wanted.endsWith(ending) ? BY_NAME.get(wanted.slice(0, -ending.length)) : undefined
    if (base !== undefined) return { ...base, ...layout, overrides: { ...base.overrides, ...layout.overrides } }
  }
  throw unknownName(name)
}

function unknownName(name: string): DiffgentorError {
  const short = SCHEDULER_ALIASES.map(({ names }) => names[0]!)
  const classes = [...new Set(SCHEDULER_ALIASES.map(({ className }) => className))]
  const nearest = nearestName(name, [...SCHEDULER_ALIASES.flatMap(({ names }) => names), ...classes])
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  return new DiffgentorError(
    'invalid_request',
    `There is no scheduler named ${name}.${hint} Known are ${short.join(', ')}, each also with a suffix such as _karras, and ${classes.join(', ')}.`,
    { field: 'scheduler' },
  )
}
