import pino from 'pino'
import { onTestFinished } from 'vitest'
import { FakeBackend } from '../../src/backends/fake/fake-backend.ts'
import { BackendRegistry } from '../../src/backends/registry.ts'
import { SERVE_SETTINGS, type ServeSettings, withDefaults } from '../../src/config/settings.ts'
import type { BackendCapabilities, CallContext, ImageBackend, ImageRequest, ImageResult } from '../../src/contract/index.ts'
import type { Fetcher } from '../../src/fetching/fetcher.ts'
import { type RunningServer, startServer } from '../../src/serve/server.ts'

/** The fake backend, with other abilities if wanted, that remembers what it was asked and can be held. */
export class WatchedBackend implements ImageBackend {
  readonly name = 'watched'
  readonly modelId: string
  readonly capabilities: BackendCapabilities
  readonly defaults = { numInferenceSteps: 4, guidanceScale: 1 }
  /** Every request, in the order in which drawing began. */
  readonly requests: ImageRequest[] = []
  /** How many calls ended because their signal fired. */
  aborted = 0
  unloads = 0
  readonly #inner: FakeBackend
  #hold: { promise: Promise<void>; release: () => void } | undefined
  #onStart: (() => void)[] = []

  constructor(modelId: string, abilities: Partial<BackendCapabilities> = {}) {
    this.modelId = modelId
    this.#inner = new FakeBackend(modelId)
    this.capabilities = { ...this.#inner.capabilities, maxInferenceSteps: 20, ...abilities }
  }

  /** Calls wait until `release` is called. */
  hold(): { release: () => void } {
    let release: () => void = () => undefined
    const promise = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#hold = { promise, release }
    return this.#hold
  }

  /** Resolves when the next call begins. */
  async nextStart(): Promise<void> {
    await new Promise<void>((resolve) => this.#onStart.push(resolve))
  }

  async run(request: ImageRequest, context: CallContext): Promise<ImageResult> {
    this.requests.push(request)
    for (const resolve of this.#onStart.splice(0)) resolve()
    try {
      if (this.#hold) await Promise.race([this.#hold.promise, whenAborted(context.signal)])
      return await this.#inner.run(request, context)
    } catch (error) {
      if (context.signal.aborted) this.aborted++
      throw error
    }
  }

  async unload(): Promise<void> {
    this.unloads++
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function whenAborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

export interface TestServer extends RunningServer {
  backend: WatchedBackend
  /** Lines of the log, parsed. */
  logLines: Record<string, unknown>[]
}

export interface TestServerOptions {
  settings?: Partial<ServeSettings>
  abilities?: Partial<BackendCapabilities>
  fetcher?: Fetcher
  /** Opening the model waits for this. */
  opensAfter?: Promise<void>
}

/** A server over real sockets with the model `acme/fake-1`; it ends with the test. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const registry = new BackendRegistry()
  const backends: WatchedBackend[] = []
  registry.register('watched', {
    describe: 'for tests',
    load: async () => async (settings) => {
      await options.opensAfter
      const backend = new WatchedBackend(settings.modelName ?? 'acme/fake-1', options.abilities)
      backends.push(backend)
      return backend
    },
  })
  const logLines: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line) => void logLines.push(JSON.parse(line)) })
  const settings = withDefaults(SERVE_SETTINGS, { backend: 'watched', port: 0, ...options.settings })
  const server = await startServer({ settings, registry, log, ...(options.fetcher && { fetcher: options.fetcher }) })
  onTestFinished(() => server.stop())
  if (!options.opensAfter) await server.ready
  return Object.assign(server, {
    logLines,
    get backend() {
      return backends[0]!
    },
  })
}

/** Posts JSON. */
export async function post(
  server: RunningServer,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

export const generate = (server: RunningServer, body: unknown, headers?: Record<string, string>) =>
  post(server, '/v1/images/generations', body, headers)

/** An answer's JSON; loosely typed, since tests look into it by hand. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
export type Json = any

export const readJson = async (response: Response): Promise<Json> => await response.json()

/** The bytes of a base64 text. */
export const fromBase64 = (text: string): Buffer => Buffer.from(text, 'base64')

/** Records of a stream of events. */
export async function readEvents(response: Response): Promise<{ event: string | undefined; data: Json }[]> {
  const records = (await response.text()).split('\n\n').filter((record) => /^data:/m.test(record))
  return records.map((record) => {
    const text = /^data: (.*)$/m.exec(record)![1]!
    return { event: /^event: (.*)$/m.exec(record)?.[1], data: text === '[DONE]' ? text : JSON.parse(text) }
  })
}
