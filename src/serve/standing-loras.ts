import type { ImageRequest, LoraChoice } from '../contract/index.ts'

/** A LoRA file under the name that callers gave it. */
export interface NamedLora {
  nickname: string
  /** As the caller wrote it. */
  path: string
  /** The file itself. */
  file: string
}

/** A LoRA that a model was told to draw with. */
export interface StandingLora extends NamedLora {
  strength: number
}

interface ModelState {
  known: Map<string, NamedLora>
  chosen: readonly StandingLora[]
  isMerged: boolean
}

/** LoRAs that stay with a model from one request to the next. A request that names its own goes without them. */
export class StandingLoras {
  readonly #states = new Map<string, ModelState>()

  /** Those that a model has ever been told of, by nickname. */
  known(model: string): ReadonlyMap<string, NamedLora> {
    return this.#stateOf(model).known
  }

  /** Those that its pictures are drawn with at the moment. */
  active(model: string): readonly StandingLora[] {
    const { chosen, isMerged } = this.#stateOf(model)
    return isMerged ? chosen : []
  }

  /** Draws with these from now on, instead of any earlier ones. */
  set(model: string, loras: readonly StandingLora[]): void {
    const state = this.#stateOf(model)
    for (const { nickname, path, file } of loras) state.known.set(nickname, { nickname, path, file })
    state.chosen = loras
    state.isMerged = true
  }

  /** Draws with the last ones again, all of them at a strength. */
  merge(model: string, strength: number): void {
    const state = this.#stateOf(model)
    state.chosen = state.chosen.map((lora) => ({ ...lora, strength }))
    state.isMerged = true
  }

  /** Draws without them until they are merged or set again. */
  unmerge(model: string): void {
    this.#stateOf(model).isMerged = false
  }

  /** The request with the model's LoRAs, unless it has its own. */
  apply(model: string, request: ImageRequest): ImageRequest {
    const active = this.active(model)
    if (active.length === 0 || request.diffusion?.loras) return request
    const loras = active.map(({ file, strength }): LoraChoice => ({ path: file, weight: strength }))
    return { ...request, diffusion: { ...request.diffusion, loras } }
  }

  #stateOf(model: string): ModelState {
    const known = this.#states.get(model)
    if (known) return known
    const state: ModelState = { known: new Map(), chosen: [], isMerged: false }
    this.#states.set(model, state)
    return state
  }
}
