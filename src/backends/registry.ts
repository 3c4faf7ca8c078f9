import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nearestName } from '../config/nearest-name.ts'
import { type BackendSettings, SHARED_SETTINGS, withDefaults } from '../config/settings.ts'
import type { ImageBackend } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import type { OpenContext } from './open-context.ts'

/** Opens a model behind a backend. Reads configuration only, unless a download is permitted; heavy loading waits for the first call or `warmUp`. */
export type BackendFactory = (settings: BackendSettings, context?: OpenContext) => Promise<ImageBackend>

/** What a backend says to be known. */
export interface BackendEntry {
  /** Imports the backend's code: nothing of it loads before it is asked for. */
  load: () => Promise<BackendFactory>
  /** Further names. */
  aliases?: readonly string[]
  /** Takes `--safety_checker`. Default: asking for one is an error. */
  checksSafety?: boolean
  /** One line for lists and `--help`. */
  describe: string
}

/** What a plug-in module exports under the name `backends`. */
export type BackendPlugin = Readonly<Record<string, BackendEntry>>

const BUILT_IN: BackendPlugin = {
  onnx: {
    load: async () => (await import('./onnx/onnx-backend.ts')).openOnnxBackend,
    aliases: ['local', 'diffusers'],
    checksSafety: true,
    describe: 'diffusion models on this machine, with ONNX Runtime',
  },
  openai: {
    load: async () => (await import('./openai/openai-backend.ts')).openOpenAIBackend,
    describe: 'the OpenAI images API, or any server that speaks it',
  },
  google_genai: {
    load: async () => (await import('./google/google-backend.ts')).openGoogleBackend,
    aliases: ['gemini'],
    describe: 'Gemini and Imagen models',
  },
  fake: {
    load: async () => (await import('./fake/fake-backend.ts')).openFakeBackend,
    describe: 'made-up pictures in no time, for tests and for trying things out',
  },
}

/** The backends that one program knows. */
export class BackendRegistry {
  readonly #entries = new Map<string, BackendEntry>(Object.entries(BUILT_IN))
  readonly #context: OpenContext

  constructor(context: OpenContext = {}) {
    this.#context = context
  }

  /** Adds a backend; a name that exists already is an error. */
  register(name: string, entry: BackendEntry): void {
    if (this.#find(name)) throw new DiffgentorError('invalid_configuration', `A backend named "${name}" is registered already.`)
    this.#entries.set(name, entry)
  }

  /** Names and descriptions, in order of registration. */
  list(): { name: string; aliases: readonly string[]; describe: string }[] {
    return [...this.#entries].map(([name, { aliases = [], describe }]) => ({ name, aliases, describe }))
  }

  /** Imports a plug-in, by package name or file, and registers what it exports as `backends`. */
  async loadPlugin(specifier: string): Promise<void> {
    const isFile = isAbsolute(specifier) || /^\.{0,2}[/\\]|\.[cm]?[jt]s$/.test(specifier)
    const address = isFile ? pathToFileURL(resolve(specifier)).href : specifier
    const plugin: unknown = await import(address).catch((cause: unknown) => {
      throw new DiffgentorError('invalid_configuration', `The plug-in ${specifier} cannot be loaded: ${describeCause(cause)}.`, {
        cause,
      })
    })
    const backends = (plugin as { backends?: BackendPlugin }).backends
    if (typeof backends !== 'object' || backends === null) {
      throw new DiffgentorError(
        'invalid_configuration',
        `The plug-in ${specifier} must export "backends", an object of backend entries by name.`,
      )
    }
    for (const [name, entry] of Object.entries(backends)) {
      if (typeof entry?.load !== 'function') {
        throw new DiffgentorError(
          'invalid_configuration',
          `The plug-in ${specifier} must give backend "${name}" a load function.`,
        )
      }
      this.register(name, entry)
    }
  }

  /** Opens the backend that the settings name, after loading their plug-ins. */
  async open(settings: BackendSettings): Promise<ImageBackend> {
    for (const specifier of settings.plugin ?? []) await this.loadPlugin(specifier)
    const entry = this.#find(settings.backend)
    if (!entry) throw this.#unknownBackend(settings.backend)
    if (settings.safetyChecker !== undefined && settings.safetyChecker !== 'off' && !entry.checksSafety) {
      throw new DiffgentorError(
        'invalid_configuration',
        `The backend ${settings.backend} has no place for a safety checker, only the local engine has; leave --safety_checker out.`,
        { field: 'safety_checker' },
      )
    }
    const open = await entry.load()
    return open(settings, this.#context)
  }

  /** The registered name behind a name or an alias. */
  resolveName(name: string): string | undefined {
    for (const [known, { aliases }] of this.#entries) {
      if (known === name.toLowerCase() || aliases?.includes(name.toLowerCase())) return known
    }
    return undefined
  }

  #find(name: string): BackendEntry | undefined {
    const known = this.resolveName(name)
    return known === undefined ? undefined : this.#entries.get(known)
  }

  #unknownBackend(name: string): DiffgentorError {
    const known = [...this.#entries.keys()]
    const names = [...this.#entries].flatMap(([key, { aliases = [] }]) => [key, ...aliases])
    const near = nearestName(name, names)
    const hint = near ? ` Did you mean ${near}?` : ''
    return new DiffgentorError(
      'invalid_configuration',
      `There is no backend "${name}".${hint} Known: ${known.join(', ')}. A model behind its own OpenAI-compatible server runs through --backend openai (docs/backends.md).`,
      { field: 'backend' },
    )
  }
}

function describeCause(cause: unknown): string {
  return cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause)
}

/** Opens a backend for a program: settings that are absent take their defaults. */
export async function openBackend(settings: Partial<BackendSettings> = {}): Promise<ImageBackend> {
  return await new BackendRegistry().open(withDefaults(SHARED_SETTINGS, settings))
}
