import type { ImageWarning, LoraChoice } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { LoraFile, LoraModule } from './lora-file.ts'
import type { LoraTarget } from './lora-keys.ts'
import { lowRankUpdate } from './lora-update.ts'
import type { WeightedModule } from './merge-weight.ts'
import type { ModuleSite } from './module-sites.ts'
import { SiteIndex } from './site-index.ts'

/** A LoRA file with its weight in a request. */
export interface ChosenLora {
  choice: LoraChoice
  file: LoraFile
  /** Changes when the file does. */
  version: string
}

/** What becomes of one module of a graph. */
export interface SitePlan {
  site: ModuleSite
  /** Added at run time, through inputs of the graph. */
  branched: readonly WeightedModule[]
  /** Added to the stored weight when the graph is built. */
  merged: readonly WeightedModule[]
}

/** What the LoRAs of a request change in the graphs of a pipeline. */
export interface LoraPlan {
  sites: ReadonlyMap<ComponentName, readonly SitePlan[]>
  warnings: ImageWarning[]
}

/**
 * A branch costs about `2 · rank / side` of its module's time. Above a fifth, updates are merged into a float weight instead: faster, but the
 * graph is loaded again when the LoRA or its weight changes. Small ranks are cheap whatever the side.
 */
const BRANCHED_RANK_SHARE = 0.1
const CHEAP_RANK = 16

/** Finds the place of every LoRA module. A file that matches nothing is an error, one that matches partly a warning that says how much. */
export function planLoras(graphs: ReadonlyMap<ComponentName, readonly ModuleSite[]>, chosen: readonly ChosenLora[]): LoraPlan {
  const indexes = new Map([...graphs].map(([component, sites]) => [component, new SiteIndex(sites)]))
  const placed = new Map<ComponentName, Map<ModuleSite, WeightedModule[]>>()
  const warnings: ImageWarning[] = []
  for (const { choice, file, version } of chosen) {
    const missing: LoraModule[] = []
    for (const lora of file.modules) {
      const component = componentOf(lora.target, graphs)
      const places = (component && indexes.get(component)?.place(lora)) ?? []
      if (component === undefined || places.length === 0) {
        missing.push(lora)
        continue
      }
      if (choice.weight === 0) continue
      const sites = placed.get(component) ?? new Map<ModuleSite, WeightedModule[]>()
      for (const { site, lora: part } of places) {
        sites.set(site, [...(sites.get(site) ?? []), { lora: part, weight: choice.weight, version }])
      }
      placed.set(component, sites)
    }
    warnings.push(...judgeMatch(file, missing))
  }
  return {
    sites: new Map([...placed].map(([target, sites]) => [target, [...sites].map(([site, updates]) => planSite(site, updates))])),
    warnings,
  }
}

/** The denoiser is a UNet or a transformer. Files call T5 the third encoder, also for FLUX, where it is the second. */
function componentOf(target: LoraTarget, graphs: ReadonlyMap<ComponentName, unknown>): ComponentName | undefined {
  if (target === 'text_encoder_3' && !graphs.has(target)) return 'text_encoder_2'
  if (target !== 'denoiser') return target
  return graphs.has('unet') ? 'unet' : 'transformer'
}

function judgeMatch(file: LoraFile, missing: readonly LoraModule[]): ImageWarning[] {
  const total = file.modules.length
  const examples = (names: readonly string[]) => names.slice(0, 3).join(', ') + (names.length > 3 ? ' …' : '')
  const names = missing.map(({ target, module }) => `${target}.${module}`)
  if (missing.length === total) {
    throw new DiffgentorError(
      'invalid_request',
      `The LoRA ${file.path} matches nothing in this model (${examples(names)}); use one that was made for the model's family.`,
      { field: 'loras' },
    )
  }
  const warnings: ImageWarning[] = []
  if (missing.length > 0) {
    const detail = `${total - missing.length} of ${total} modules of the LoRA ${file.path} match the model; left out: ${examples(names)}.`
    warnings.push({ kind: 'adjusted', field: 'loras', detail })
  }
  if (file.unknownKeys.length > 0) {
    const detail = `${file.unknownKeys.length} tensors of the LoRA ${file.path} are of an unknown kind and were left out: ${examples(file.unknownKeys)}.`
    warnings.push({ kind: 'adjusted', field: 'loras', detail })
  }
  return warnings
}

function planSite(site: ModuleSite, updates: readonly WeightedModule[]): SitePlan {
  for (const { lora } of updates) assertFits(site, lora)
  const lowRank = updates.filter(({ lora }) => lowRankUpdate(lora) !== undefined)
  const isDear = site.weight !== undefined && sumRanks(lowRank) > Math.max(CHEAP_RANK, BRANCHED_RANK_SHARE * smallerSide(lowRank))
  const branched = isDear ? [] : lowRank
  const merged = updates.filter((update) => !branched.includes(update))
  if (merged.length > 0 && site.weight === undefined) {
    throw new DiffgentorError(
      'unsupported',
      `The LoRA module ${merged[0]?.lora.module} is of a kind (LoHa, LoKr, DoRA or a full difference) that quantized weights cannot take; use a float export of the model.`,
      { field: 'loras' },
    )
  }
  return { site, branched, merged }
}

/** Models of other families may have modules of the same name and another size. */
function assertFits(site: ModuleSite, lora: LoraModule): void {
  const update = lowRankUpdate(lora)
  if (update === undefined || site.weight === undefined) return
  const { dims, layout } = site.weight
  const stored =
    layout === 'in-out'
      ? [dims[1] ?? 0, dims[0] ?? 0]
      : [dims[0] ?? 0, dims.slice(1).reduce((product, size) => product * size, 1)]
  const given = [update.up.data.length / update.rank, update.down.data.length / update.rank]
  if (stored[0] === given[0] && stored[1] === given[1]) return
  throw new DiffgentorError(
    'invalid_request',
    `The LoRA was made for another model: ${site.path} maps ${stored[1]} values to ${stored[0]}, the LoRA has ${given[1]} to ${given[0]}.`,
    { field: 'loras' },
  )
}

function sumRanks(updates: readonly WeightedModule[]): number {
  return updates.reduce((sum, { lora }) => sum + (lowRankUpdate(lora)?.rank ?? 0), 0)
}

function smallerSide(updates: readonly WeightedModule[]): number {
  const update = updates[0] && lowRankUpdate(updates[0].lora)
  if (update === undefined) return 0
  return Math.min(update.up.shape[0] ?? 0, update.down.data.length / update.rank)
}
