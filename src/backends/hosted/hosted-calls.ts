import { setMaxListeners } from 'node:events'
import type { CallContext } from '../../contract/index.ts'
import { DiffgentorError, toDiffgentorError } from '../../errors.ts'
import type { Clock } from './clock.ts'
import { downloadPicture } from './download-picture.ts'
import type { Enclosures } from './enclosures.ts'
import type { Endpoint } from './endpoint.ts'
import { EndpointPool } from './endpoint-pool.ts'
import type { Answer } from './exchange.ts'
import { redact } from './redact.ts'
import { Transport } from './transport.ts'

export interface HostedCallsOptions {
  endpoints: readonly Endpoint[]
  /** Requests in flight at once. */
  concurrency: number
  /** Requests a minute over all endpoints. */
  requestsPerMinute?: number | undefined
  timeoutMs: number
  /** Reads the provider's error out of an answer that is none of the 2xx. */
  readError: (endpoint: Endpoint, answer: Answer) => DiffgentorError
  clock?: Clock | undefined
}

/** Asks a provider once, through an SDK or not, with the `fetch` that it is given. */
export type Ask<T> = (endpoint: Endpoint, fetch: typeof globalThis.fetch) => Promise<T>

/** Sends requests through a pool of endpoints: each exactly once, and each failure told by what is known of it. */
export class HostedCalls implements AsyncDisposable {
  readonly #options: HostedCallsOptions
  readonly #pool: EndpointPool
  readonly #transport: Transport

  constructor(options: HostedCallsOptions) {
    this.#options = options
    this.#pool = new EndpointPool(options.endpoints, options)
    this.#transport = new Transport(options.concurrency)
  }

  /** Waits for its turn, announces the request, and sends, with pictures in place of their marks. */
  async call<T>(ask: Ask<T>, { signal, onProgress, beforeSend }: CallContext, enclosures?: Enclosures): Promise<T> {
    // A batch hands one signal to every row; hundreds of listeners on it are no leak.
    setMaxListeners(0, signal)
    const lease = await this.#pool.acquire(signal)
    const { endpoint } = lease
    const { timeoutMs } = this.#options
    const exchange = this.#transport.open(endpoint.baseUrl, { name: endpoint.name, timeoutMs, signal, enclosures })
    try {
      await beforeSend?.()
      onProgress?.({ phase: 'start' })
      const value = await ask(endpoint, exchange.fetch)
      lease.succeed()
      return value
    } catch (thrown) {
      throw lease.fail(this.#explain(thrown, endpoint, exchange.failure, exchange.answer))
    }
  }

  /** What really happened, whatever an SDK made of it. */
  #explain(thrown: unknown, endpoint: Endpoint, failure: DiffgentorError | undefined, answer: Answer | undefined) {
    if (failure) return failure
    if (answer && (answer.status < 200 || answer.status >= 300)) return this.#options.readError(endpoint, answer)
    if (thrown instanceof DiffgentorError) return thrown
    if (answer) return unreadableAnswer(endpoint)
    // Something in an SDK or here: what it was about may hold the key, so only its words are kept.
    return new DiffgentorError('internal', redact(toDiffgentorError(thrown).message, [endpoint.apiKey]))
  }

  /** Fetches a picture that an answer of the endpoint points to. */
  download(url: URL, endpoint: Endpoint, signal: AbortSignal): Promise<Uint8Array> {
    return downloadPicture({ url, endpoint, timeoutMs: this.#options.timeoutMs, signal }, this.#transport)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pool.close()
    await this.#transport[Symbol.asyncDispose]()
  }
}

/** A 2xx answer that is not what the provider's API says it is: most often some other server stands at the address. */
export function unreadableAnswer({ name }: Endpoint): DiffgentorError {
  return new DiffgentorError(
    'upstream_failed',
    `${name} answered with something other than the expected JSON; check the base URL.`,
  )
}
