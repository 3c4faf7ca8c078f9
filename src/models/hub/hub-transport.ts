import { setTimeout as wait } from 'node:timers/promises'
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { VERSION } from '../../config/version.ts'
import { DiffgentorError } from '../../errors.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MAX_REDIRECTS = 5
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504])
const MAX_TRIES = 5
/** A hub that asks for a longer pause is taken at its word only up to here. Milliseconds. */
const MAX_PAUSE = 60_000
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/
/** A transfer that stands still for `bodyTimeout` is cut, and taken up again where it stood. */
const CONNECTIONS: Agent.Options = { connect: { timeout: 10_000 }, headersTimeout: 30_000, bodyTimeout: 30_000 }

export type HubResponse = Dispatcher.ResponseData

export interface HubTransportOptions {
  /** Address of the hub; the token goes to its host and port and nowhere else. */
  endpoint: URL
  token: string | undefined
  /** Pause before the second try of a request, in milliseconds; doubles from try to try. */
  retryDelay: number
  signal: AbortSignal
}

/** Sends requests to the hub and follows its redirects. Honors the usual proxy variables, but for loopback addresses. */
export class HubTransport implements AsyncDisposable {
  readonly #options: HubTransportOptions
  readonly #direct = new Agent(CONNECTIONS)
  #proxied: Dispatcher | undefined

  constructor(options: HubTransportOptions) {
    this.#options = options
  }

  /**
   * The first answer that is neither a redirect nor a passing fault. `headers` go along every redirect, the token does not.
   * Rejects with `upstream_unreachable` when nothing answers.
   */
  async get(address: URL, headers: Readonly<Record<string, string>> = {}): Promise<HubResponse> {
    for (let tries = 1; ; tries++) {
      const response = await this.#follow(address, headers)
      if (!TRANSIENT.has(response.statusCode) || tries === MAX_TRIES) return response
      await response.body.dump()
      const asked = Number(response.headers['retry-after']) * 1000
      await this.pause(tries, asked)
    }
  }

  /** Waits before another try: as long as was asked for, else longer from try to try. */
  async pause(tries: number, askedMs = 0): Promise<void> {
    const { retryDelay, signal } = this.#options
    await wait(Math.min(MAX_PAUSE, askedMs > 0 ? askedMs : retryDelay * 2 ** (tries - 1)), undefined, { signal })
  }

  async #follow(address: URL, headers: Readonly<Record<string, string>>): Promise<HubResponse> {
    let url = address
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const response = await this.#send(url, headers)
      const { location } = response.headers
      if (!REDIRECTS.has(response.statusCode) || typeof location !== 'string') return response
      await response.body.dump()
      url = new URL(location, url)
    }
    throw new DiffgentorError('upstream_unavailable', `${address.origin}${address.pathname} redirects in circles.`)
  }

  async #send(url: URL, headers: Readonly<Record<string, string>>): Promise<HubResponse> {
    const { endpoint, token, signal } = this.#options
    const isHub = url.origin === endpoint.origin
    const credentials = isHub && token !== undefined ? { authorization: `Bearer ${token}` } : {}
    try {
      return await request(url, {
        dispatcher: this.#dispatcherFor(url),
        headers: { 'user-agent': `diffgentor/${VERSION}`, 'accept-encoding': 'identity', ...headers, ...credentials },
        signal,
      })
    } catch (cause) {
      signal.throwIfAborted()
      throw unreachable(url, cause)
    }
  }

  #dispatcherFor(url: URL): Dispatcher {
    if (LOOPBACK.test(url.hostname)) return this.#direct
    this.#proxied ??= new EnvHttpProxyAgent(CONNECTIONS)
    return this.#proxied
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#direct.destroy(), this.#proxied?.destroy()])
  }
}

function unreachable(url: URL, cause: unknown): DiffgentorError {
  const { code, message } = cause as NodeJS.ErrnoException
  const sentence = `The hub cannot be reached at ${url.origin} (${code ?? message}); check the network, or set HF_ENDPOINT to a mirror.`
  return new DiffgentorError('upstream_unreachable', sentence, { cause })
}
