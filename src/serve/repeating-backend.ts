import { setTimeout as wait } from 'node:timers/promises'
import type { ServeSettings } from '../config/settings.ts'
import type { BackendCapabilities, CallContext, ImageBackend, ImageRequest, ImageResult } from '../contract/index.ts'
import { type DiffgentorError, toDiffgentorError } from '../errors.ts'

/** Fewer than in a batch: somebody waits for the answer, and clients repeat their requests themselves. */
const DEFAULT_REPEATS = 2
/** A longer pause is left to the caller, who is told of it. Milliseconds. */
const LONGEST_PAUSE = 10_000

/** A hosted model that asks again after faults that pass and cost nothing. */
export class RepeatingBackend implements ImageBackend {
  readonly name: string
  readonly modelId: string
  readonly capabilities: BackendCapabilities
  readonly #inner: ImageBackend
  readonly #repeats: number
  readonly #firstPause: number

  constructor(inner: ImageBackend, settings: ServeSettings) {
    const pool = poolSettings(inner.name, settings)
    this.#inner = inner
    this.name = inner.name
    this.modelId = inner.modelId
    this.capabilities = inner.capabilities
    this.#repeats = settings.apiMaxRetries ?? pool.maxRetries ?? DEFAULT_REPEATS
    this.#firstPause = (settings.retryDelay ?? pool.retryDelay ?? 1) * 1000
  }

  async run(request: ImageRequest, context: CallContext): Promise<ImageResult> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#inner.run(request, context)
      } catch (thrown) {
        const error = toDiffgentorError(thrown)
        const pause = error.retryAfterMs ?? Math.min(LONGEST_PAUSE, this.#firstPause * 2 ** attempt) * Math.random()
        if (attempt >= this.#repeats || !passes(error) || pause > LONGEST_PAUSE) throw error
        await wait(pause, undefined, { signal: context.signal })
      }
    }
  }

  /** The model stays the server's. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A breakdown, or a limit of one endpoint while another one is free. Limits of all are the caller's to wait for. */
function passes({ code, retryAfterMs }: DiffgentorError): boolean {
  if (code === 'upstream_rate_limit') return retryAfterMs === 0
  return code === 'upstream_unavailable' || code === 'upstream_unreachable'
}

/** What the provider's own variables say. */
function poolSettings(name: string, settings: ServeSettings) {
  return name === 'openai'
    ? { maxRetries: settings.openaiMaxRetries, retryDelay: settings.openaiRetryDelay }
    : { maxRetries: settings.geminiMaxRetries, retryDelay: settings.geminiRetryDelay }
}
