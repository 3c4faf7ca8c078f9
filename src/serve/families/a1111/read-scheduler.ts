import type { ImageWarning } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import type { ServedModel } from '../../model-pool.ts'
import type { Txt2imgFields } from './draw-fields.ts'
import { findSchedule, splitSampler } from './samplers.ts'

/** The scheduler of a request; undefined: the model's own. */
export interface ChosenScheduler {
  scheduler: string | undefined
  warnings: ImageWarning[]
}

type SamplerFields = Pick<Txt2imgFields, 'sampler_name' | 'sampler_index' | 'scheduler'>

/**
 * The scheduler that a sampler and a layout of the steps stand for, or the model's own when no sampler is named. Menus of clients
 * offer every sampler with every layout: one that a sampler does not know is left out, which the warnings say. Throws `not_found`
 * for unknown names.
 */
export async function readScheduler(model: ServedModel, fields: SamplerFields): Promise<ChosenScheduler> {
  const { scheduler: layoutName } = fields
  const layout = layoutName === undefined ? undefined : findSchedule(layoutName)
  if (layoutName !== undefined && !layout) throw new DiffgentorError('not_found', 'Scheduler not found', { field: 'scheduler' })
  const samplerName = fields.sampler_name ?? fields.sampler_index
  if (samplerName === undefined) return { scheduler: undefined, warnings: ignoreLayout(layout?.suffix && layout.label) }
  const { sampler, ending } = splitSampler(samplerName)
  if (!sampler) throw new DiffgentorError('not_found', 'Sampler not found', { field: 'sampler_name' })
  const chosen = ending ?? layout
  if (chosen?.suffix === undefined) return { scheduler: sampler.name, warnings: [] }
  const scheduler = `${sampler.name} ${chosen.suffix}`
  if (await isKnown(model, scheduler)) return { scheduler, warnings: [] }
  const detail = `The sampler ${sampler.name} does not know the layout ${chosen.label}; it lays out its steps as usual.`
  return { scheduler: sampler.name, warnings: [{ kind: 'adjusted', field: 'scheduler', detail }] }
}

function ignoreLayout(label: string | undefined): ImageWarning[] {
  if (!label) return []
  const detail = `The layout ${label} is not used: it needs a sampler, and the request names none.`
  return [{ kind: 'ignored', field: 'scheduler', detail }]
}

/** Whether a model takes a scheduler. Other faults show when it draws. */
async function isKnown({ backend }: ServedModel, scheduler: string): Promise<boolean> {
  try {
    await backend.check?.({ prompt: '', numImages: 1, diffusion: { scheduler } })
    return true
  } catch {
    return false
  }
}
