import { divideLora, swapHalves } from './divide-lora.ts'
import { fromOriginalFluxNames, isShiftBeforeScale } from './flux-names.ts'
import type { LoraModule } from './lora-file.ts'
import type { ModuleSite } from './module-sites.ts'

/** A LoRA module at its place. */
export interface PlacedModule {
  site: ModuleSite
  lora: LoraModule
}

/** Modules of a graph by underscored path; wrappers around the network may have put a scope in front. */
export class SiteIndex {
  readonly #byPath: Map<string, ModuleSite>

  constructor(sites: readonly ModuleSite[]) {
    this.#byPath = new Map(sites.map((site) => [site.path.replaceAll('.', '_'), site]))
  }

  /** Finds where a LoRA module belongs: one place, several where it is for fused layers that the graph has apart, or none. */
  place(lora: LoraModule): PlacedModule[] {
    const site = this.#find(lora.module)
    if (site !== undefined) return [{ site, lora }]
    if (lora.target !== 'denoiser') return []
    for (const modules of fromOriginalFluxNames(lora.module)) {
      const sites = modules.flatMap((module) => this.#find(module) ?? [])
      if (sites.length < modules.length) continue
      const ordered = isShiftBeforeScale(lora.module) ? swapHalves(lora) : lora
      const parts = modules.length === 1 ? [ordered] : divideLora(ordered, modules)
      return parts.map((part, index) => ({ site: sites[index]!, lora: part }))
    }
    return []
  }

  /** The single blocks of FLUX.2 have a `to_out` where all others have `to_out.0`, as which both are read. */
  #find(module: string): ModuleSite | undefined {
    return this.#findPath(module) ?? (module.endsWith('_to_out_0') ? this.#findPath(module.slice(0, -2)) : undefined)
  }

  #findPath(module: string): ModuleSite | undefined {
    // Encoders exported with newer versions of transformers lack the scope `text_model`.
    const exact = this.#byPath.get(module) ?? this.#byPath.get(module.replace(/^text_model_/, ''))
    if (exact !== undefined) return exact
    const inScope = [...this.#byPath].filter(([path]) => path.endsWith(`_${module}`))
    return inScope.length === 1 ? inScope[0]?.[1] : undefined
  }
}
