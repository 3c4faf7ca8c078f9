import type { BackendRegistry } from '../backends/registry.ts'
import type { BackendSettings, ServeSettings } from '../config/settings.ts'
import type { ImageBackend } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'

/** A model that the server answers for. */
export interface ServedModel {
  readonly id: string
  /** Other names by which callers may ask for it. */
  readonly aliases: readonly string[]
  readonly backend: ImageBackend
  /** False after it was idle for the keep-alive time, until the next request. */
  isLoaded: boolean
  /** When it was last loaded, and last worked with; undefined before the first time. */
  loadedAt: Date | undefined
  usedAt: Date | undefined
  /** True while it waits to be unloaded for want of work. */
  isIdling: boolean
}

interface Slot extends ServedModel {
  users: number
  idleTimer: NodeJS.Timeout | undefined
}

/** Further names are answered silently. */
const MAX_OTHER_NAMES = 100

/** What the server can be asked for. */
export type ServeMode = 't2i' | 'edit' | 'both'

/** The models of the server: opened once, loaded when first asked for, unloaded when idle. */
export class ModelPool {
  readonly #settings: ServeSettings
  readonly #registry: BackendRegistry
  #slots: Slot[] = []
  #state: 'loading' | 'ready' | 'closed' = 'loading'
  /** Resolves when every model is open and prepared; rejects when one cannot be. */
  readonly ready: Promise<void>
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined
  /** Called when a model is unloaded for want of work. */
  onUnload: (model: ServedModel) => void = () => undefined
  /** Called once for each name that is not a model's and was answered all the same. */
  onOtherName: (name: string) => void = () => undefined
  readonly #otherNames = new Set<string>()

  constructor(settings: ServeSettings, registry: BackendRegistry) {
    this.#settings = settings
    this.#registry = registry
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.ready.catch(() => undefined)
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  get models(): readonly ServedModel[] {
    return this.#slots
  }

  /** Opens every model, then prepares it. The outcome shows in `ready`. */
  async open(prepare: (model: ServedModel) => Promise<void>): Promise<void> {
    const { modelName: names } = this.#settings
    try {
      const slots: Slot[] = []
      for (const name of names?.length ? names : [undefined]) {
        // Plug-ins register their backends once, with the first model.
        const { plugin } = slots.length === 0 ? this.#settings : {}
        // More processes than pictures drawn at once would only share out the threads.
        const numWorkers = this.#settings.numWorkers ?? Math.min(256, this.#settings.maxConcurrent)
        slots.push(await this.#openModel({ ...this.#settings, plugin, numWorkers, modelName: name }))
      }
      this.#slots = slots
      for (const slot of slots) await prepare(slot)
      if (this.#state === 'loading') this.#state = 'ready'
      this.#settle?.resolve()
    } catch (error) {
      this.#settle?.reject(error)
    }
  }

  /** The model that a request names. Throws `not_ready` while models are loading and `model_not_found` for a name that must be known. */
  find(name: string | undefined): ServedModel {
    const first = this.#requireFirst()
    if (name === undefined) return first
    const found = this.#slots.find((slot) => isNamed(slot, name))
    if (found) return found
    if (!this.#settings.strictModel && this.#slots.length === 1) {
      this.#noteOtherName(name)
      return first
    }
    throw new DiffgentorError('model_not_found', `The model '${name}' does not exist`, { field: 'model' })
  }

  /** Whether a name belongs to one of the models. */
  knows(name: string): boolean {
    return this.#slots.some((slot) => isNamed(slot, name))
  }

  /** What is served, by the flag or by what the models can. */
  get mode(): ServeMode {
    if (this.#settings.mode) return this.#settings.mode
    const generates = this.#slots.some((slot) => slot.backend.capabilities.generate)
    const edits = this.#slots.some((slot) => slot.backend.capabilities.edit)
    return generates && edits ? 'both' : edits ? 'edit' : 't2i'
  }

  /** Runs work on a model and keeps it loaded meanwhile. */
  async use<T>(model: ServedModel, work: (backend: ImageBackend) => Promise<T>): Promise<T> {
    const slot = model as Slot
    clearTimeout(slot.idleTimer)
    slot.users++
    slot.isIdling = false
    slot.usedAt = new Date()
    if (!slot.isLoaded) slot.loadedAt = slot.usedAt
    slot.isLoaded = true
    try {
      return await work(slot.backend)
    } finally {
      slot.users--
      slot.usedAt = new Date()
      if (slot.users === 0) this.#scheduleUnload(slot)
    }
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    for (const slot of this.#slots) clearTimeout(slot.idleTimer)
    await Promise.all(this.#slots.map((slot) => slot.backend[Symbol.asyncDispose]()))
  }

  async #openModel(settings: BackendSettings): Promise<Slot> {
    const { modelName: name } = settings
    const backend = await this.#registry.open(settings)
    const id = backend.modelId
    const aliases = [...new Set([name, baseName(id), name && baseName(name)])].filter(
      (alias) => alias !== undefined && alias !== id,
    )
    return {
      id,
      aliases: aliases as string[],
      backend,
      isLoaded: false,
      loadedAt: undefined,
      usedAt: undefined,
      isIdling: false,
      users: 0,
      idleTimer: undefined,
    }
  }

  #requireFirst(): Slot {
    const [first] = this.#slots
    if (first && this.isReady) return first
    throw new DiffgentorError('not_ready', 'Model not loaded. Server may still be initializing.', { retryAfterMs: 5000 })
  }

  #noteOtherName(name: string): void {
    if (this.#otherNames.has(name) || this.#otherNames.size >= MAX_OTHER_NAMES) return
    this.#otherNames.add(name)
    this.onOtherName(name)
  }

  #scheduleUnload(slot: Slot): void {
    const { keepAlive } = this.#settings
    if (keepAlive < 0 || !slot.backend.unload || this.#state === 'closed') return
    slot.isIdling = true
    slot.idleTimer = setTimeout(() => void this.#unload(slot), Math.min(keepAlive * 1000, 2 ** 31 - 1))
    slot.idleTimer.unref()
  }

  async #unload(slot: Slot): Promise<void> {
    if (slot.users > 0) return
    slot.isLoaded = false
    slot.isIdling = false
    await slot.backend.unload?.()
    this.onUnload(slot)
  }
}

function isNamed(model: ServedModel, name: string): boolean {
  const wanted = name.toLowerCase()
  return [model.id, ...model.aliases].some((known) => known.toLowerCase() === wanted)
}

/** `acme/fake-1` → `fake-1`; a revision after `@` is left out. */
function baseName(name: string): string {
  return (
    name
      .replace(/@.*$/, '')
      .replace(/[/\\]+$/, '')
      .split(/[/\\]/)
      .at(-1) ?? name
  )
}
