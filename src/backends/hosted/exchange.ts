import type { Dispatcher } from 'undici'
import { DiffgentorError } from '../../errors.ts'
import { joinPieces } from '../../event-loop/join-pieces.ts'
import { isLargeJson, toJsonResponse, toResponse } from './answer-response.ts'
import { decompress } from './decompress.ts'
import type { Enclosures } from './enclosures.ts'
import { readRequestBody } from './request-body.ts'

/** Longest answer that is taken in, in bytes: ten 4K pictures in base64 stay far below it. */
const LONGEST_ANSWER = 1024 ** 3

/** What came back, whatever the status. */
export interface Answer {
  status: number
  headers: Headers
  /** Empty where it is a large JSON text, which only the response gives out. */
  body: Buffer
}

/** An answer whose body is still in the pieces that arrived. */
export interface Received {
  status: number
  headers: Headers
  pieces: Buffer[]
}

export interface ExchangeOptions {
  dispatcher: Dispatcher
  signal: AbortSignal
  /** From dispatch to the last byte of the answer, in milliseconds. */
  timeoutMs: number
  /** The endpoint's name, for messages. */
  name: string
  /** Pictures for whose marks the body is searched. */
  enclosures?: Enclosures | undefined
}

/**
 * One request to a provider, which knows at every moment whether a byte of it may have left. That decides what a failure
 * means: before, the request may be sent again; after, it may have been billed.
 */
export class Exchange {
  readonly #options: ExchangeOptions
  #wasSent = false
  #answer: Answer | undefined
  #failure: DiffgentorError | undefined

  constructor(options: ExchangeOptions) {
    this.#options = options
  }

  /** The answer, once it is complete. */
  get answer(): Answer | undefined {
    return this.#answer
  }

  /** Why there is no answer. SDKs wrap what `fetch` throws in errors of their own; this is the original. */
  get failure(): DiffgentorError | undefined {
    return this.#failure
  }

  /**
   * Handed to SDKs in place of `fetch`. Follows no redirect: a key goes to its endpoint and nowhere else. With `Response` on it,
   * the OpenAI SDK knows that forms are understood; else it finds out with a request of its own.
   */
  readonly fetch: typeof globalThis.fetch = Object.assign(
    (input: string | URL | Request, init?: RequestInit): Promise<Response> => this.#fetch(input, init),
    { Response },
  )

  async #fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    if (input instanceof Request) throw new TypeError('The SDKs call fetch with an address.')
    const { content, contentLength, contentType } = await readRequestBody(init.body, this.#options.enclosures)
    const headers = new Headers(init.headers)
    if (contentType !== undefined && !headers.has('content-type')) headers.set('content-type', contentType)
    if (contentLength !== undefined) headers.set('content-length', contentLength)
    headers.set('accept-encoding', 'identity')
    const { origin, pathname, search } = new URL(input)
    try {
      const received = await this.#send({
        origin,
        path: pathname + search,
        method: (init.method ?? 'GET').toUpperCase() as Dispatcher.HttpMethod,
        headers: Object.fromEntries(headers),
        body: content,
      })
      const { pieces, ...head } = await decompress(received)
      if (isLargeJson({ ...head, pieces })) {
        this.#answer = { ...head, body: Buffer.alloc(0) }
        return toJsonResponse({ ...head, pieces })
      }
      this.#answer = { ...head, body: await joinPieces(pieces) }
    } catch (thrown) {
      this.#failure = thrown instanceof DiffgentorError ? thrown : this.#explain(thrown as Error)
      throw this.#failure
    }
    return toResponse(this.#answer)
  }

  #send(request: Dispatcher.DispatchOptions): Promise<Received> {
    const { dispatcher, signal, timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      let controller: Dispatcher.DispatchController | undefined
      let head: Omit<Received, 'pieces'> | undefined
      let stopped: Error | undefined
      const pieces: Buffer[] = []
      let length = 0
      const timer = setTimeout(() => stop(new TimeoutError(timeoutMs)), Math.min(timeoutMs, 2 ** 31 - 1))
      const cancel = () => stop(new CancelledError(signal.reason))
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', cancel)
      }
      const stop = (reason: Error) => {
        stopped = reason
        if (controller) return controller.abort(reason)
        end()
        reject(this.#explain(reason))
      }
      signal.addEventListener('abort', cancel, { once: true })
      if (signal.aborted) return cancel()
      dispatcher.dispatch(request, {
        // Called when the connection stands, right before the first byte is written.
        onRequestStart: (started) => {
          if (stopped) return started.abort(stopped)
          controller = started
          this.#wasSent = true
        },
        onResponseStart: (_, status, headers) => {
          if (status >= 200) head = { status, headers: toHeaders(headers) }
        },
        onResponseData: (_, chunk) => {
          length += chunk.length
          if (length > LONGEST_ANSWER) stop(new Error('the answer is longer than 1 GiB'))
          else pieces.push(chunk)
        },
        onResponseEnd: () => {
          end()
          if (head) resolve({ ...head, pieces })
        },
        onResponseError: (_, cause) => {
          end()
          // A refusal that broke off is still a refusal: nothing was made.
          if (head && head.status >= 400) resolve({ ...head, pieces })
          else reject(this.#explain(stopped ?? cause))
        },
      })
    })
  }

  #explain(cause: Error): DiffgentorError {
    const { name } = this.#options
    const why = cause.message.replace(/\.$/, '') || (cause as NodeJS.ErrnoException).code || cause.name
    if (this.#wasSent) {
      const message = `The request was sent to ${name} and no whole answer came (${why}): it may have been billed.`
      return new DiffgentorError('upstream_ambiguous', message, { cause })
    }
    if (cause instanceof CancelledError) {
      return new DiffgentorError('cancelled', 'The request was cancelled before it was sent.', { cause: cause.cause })
    }
    return new DiffgentorError('upstream_unreachable', `${name} cannot be reached: ${why}. Nothing was sent.`, { cause })
  }
}

class TimeoutError extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms / 1000} s`)
  }
}

class CancelledError extends Error {
  constructor(cause: unknown) {
    super('cancelled', { cause })
  }
}

function toHeaders(raw: Record<string, string | string[] | undefined>): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(raw)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one)
  }
  return headers
}
