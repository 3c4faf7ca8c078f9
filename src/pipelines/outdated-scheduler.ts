import { listSchedulers } from '../schedulers/create-scheduler.ts'
import { resolveSchedulerName } from '../schedulers/scheduler-names.ts'
import type { ModelFacts } from './folder/inspect-model.ts'
import type { DrawingMode } from './job.ts'

type SchedulerConfig = Readonly<Record<string, unknown>>

/** What decides whether diffusers would change a model's scheduler configuration. */
export interface SchedulerUse {
  mode: DrawingMode
  /** A ControlNet takes part. */
  controlled: boolean
  /** The scheduler asked for; absent: the model's own. */
  name: string | undefined
}

/**
 * The scheduler configuration with which diffusers would draw: the constructors of `StableDiffusionPipeline`,
 * `StableDiffusionImg2ImgPipeline` and `StableDiffusionInpaintPipeline` replace values of early exports that draw worse
 * pictures. Those of other families and of ControlNet leave them.
 */
export function replaceOutdated(
  { family, schedulerConfig }: ModelFacts,
  { mode, controlled, name }: SchedulerUse,
): SchedulerConfig {
  const isReplaced = family === 'stable-diffusion' || family === 'stable-diffusion-inpaint'
  if (!isReplaced || controlled) return schedulerConfig
  const current = { steps_offset: 1, ...(mode === 'mask' ? { skip_prk_steps: true } : { clip_sample: false }) }
  const known = keysInUse(schedulerConfig, name)
  return { ...schedulerConfig, ...Object.fromEntries(Object.entries(current).filter(([key]) => known.has(key))) }
}

/** Keys of the file, and those that the model's own class fills in; another class takes its own defaults instead. */
function keysInUse(config: SchedulerConfig, name: string | undefined): Set<string> {
  const own = config['_class_name']
  const isOwn = name === undefined || resolveSchedulerName(name).className === own
  const filledIn = isOwn ? listSchedulers().find(({ className }) => className === own)?.options : undefined
  return new Set([...Object.keys(config), ...(filledIn ?? [])])
}
