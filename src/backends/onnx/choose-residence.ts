import type { BackendSettings } from '../../config/settings.ts'
import type { ImageWarning } from '../../contract/index.ts'
import { freeDiskBytes } from '../../disk-cache/free-space.ts'
import { type ModelDescription, mostCopyBytes } from '../../pipelines/index.ts'
import type { EnginePlan } from './engine-options.ts'
import { gigabytes, planMemory, type Residence } from './memory-budget.ts'

/** How a model is kept, and why where that is not what was asked for. */
export interface ResidenceChoice {
  residence: Residence
  warning?: ImageWarning | undefined
}

/** As asked where that fits; else the model in parts, else with its weights left in their files. Where nothing fits, what needs least. */
export function chooseResidence(
  description: ModelDescription,
  asked: Residence,
  { maxMemory, mayMap }: { maxMemory?: number | undefined; mayMap: boolean },
): ResidenceChoice {
  const size = description.defaults
  const budgetOf = (residence: Residence) => planMemory(description, { ...residence, maxMemory })
  const fits = (residence: Residence) => budgetOf(residence).needFor(size) <= budgetOf(residence).available
  const inParts: Residence = { ...asked, cpuOffload: true }
  const mapped: Residence = { cpuOffload: true, weights: 'mapped' }
  if (fits(asked)) return { residence: asked }
  const { available, needFor } = budgetOf(asked)
  const problem = `The whole model needs about ${gigabytes(needFor(size))} of memory and ${gigabytes(available)} may be used`
  if (fits(inParts)) {
    const detail = `${problem}, so only the parts in use are kept in memory.`
    return { residence: inParts, warning: { kind: 'adjusted', field: 'enable_cpu_offload', detail } }
  }
  if (mayMap && fits(mapped)) {
    const detail = `${problem}, so its weights are left in their files and are read from disk again where memory is short: expect it to be slow.`
    return { residence: mapped, warning: { kind: 'adjusted', field: 'map_weights', detail } }
  }
  return { residence: mayMap ? mapped : inParts }
}

/** How the settings ask for a model to be kept. */
export async function readAskedResidence(
  settings: Pick<BackendSettings, 'mapWeights' | 'cacheLimit'>,
  { cpuOffload, isOnCpu, copiesFolder }: Pick<EnginePlan, 'cpuOffload' | 'isOnCpu' | 'copiesFolder'>,
  { memoryBytes }: ModelDescription,
): Promise<Residence> {
  if (isOnCpu && settings.mapWeights === 'always') return { cpuOffload, weights: 'mapped' }
  const room = copiesFolder === undefined ? 0 : Math.min(settings.cacheLimit * 1e9, await freeDiskBytes(copiesFolder))
  return { cpuOffload, weights: mostCopyBytes(memoryBytes) <= room ? 'shared' : 'held' }
}
