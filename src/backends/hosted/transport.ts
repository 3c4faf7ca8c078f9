import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { Exchange, type ExchangeOptions } from './exchange.ts'

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

// Time limits are the exchange's business; a connection is kept only briefly, as reusing one that the server is just
// closing would make a request ambiguous for nothing.
const CONNECTIONS: Agent.Options = { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 }, keepAliveTimeout: 4_000 }

/** The connections of one backend. Honors the usual proxy variables, but for loopback addresses. */
export class Transport implements AsyncDisposable {
  readonly #options: Agent.Options
  readonly #direct: Dispatcher
  #proxied: Dispatcher | undefined

  /** @param connections most connections to one host. */
  constructor(connections: number) {
    this.#options = { ...CONNECTIONS, connections }
    this.#direct = new Agent(this.#options)
  }

  /** Prepares one request; nothing is opened before its `fetch` is called. */
  open(address: string, options: Omit<ExchangeOptions, 'dispatcher'>): Exchange {
    return new Exchange({ ...options, dispatcher: this.#dispatcherFor(address) })
  }

  #dispatcherFor(address: string): Dispatcher {
    if (LOOPBACK.test(new URL(address).hostname)) return this.#direct
    this.#proxied ??= new EnvHttpProxyAgent(this.#options)
    return this.#proxied
  }

  /** Closes every connection; requests under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#direct.destroy(), this.#proxied?.destroy()])
  }
}
