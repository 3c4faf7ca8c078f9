import { DiffgentorError } from '../../errors.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Endpoint } from './endpoint.ts'
import { EndpointState } from './endpoint-state.ts'
import { RequestLimiter } from './request-limiter.ts'

/** A pause that is asked for is kept up to this long; a longer one takes the endpoint out of use. */
export const LONGEST_PAUSE_MS = 10 * 60_000
/** How long an endpoint without key or quota is left alone, when it does not say. */
const PARKING_MS = 10 * 60_000

export interface PoolOptions {
  /** Requests in flight at once, over all endpoints. */
  concurrency: number
  /** Requests a minute, over all endpoints. */
  requestsPerMinute?: number | undefined
  clock?: Clock | undefined
}

/** The right to send one request to one endpoint. End it exactly once. */
export interface Lease {
  readonly endpoint: Endpoint
  /** The endpoint answered, be it with a picture or with a refusal of this one request. */
  succeed(): void
  /** It failed; returns the error to throw, which knows whether other endpoints can take over. */
  fail(error: DiffgentorError): DiffgentorError
}

interface Waiter {
  resolve: (lease: Lease) => void
  reject: (error: DiffgentorError) => void
}

/** Hands out endpoints: first come first served, by weight and health, within every limit. */
export class EndpointPool {
  readonly #states: EndpointState[]
  readonly #concurrency: number
  readonly #limiter: RequestLimiter | undefined
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()
  #inFlight = 0
  #wakeAt = Number.POSITIVE_INFINITY
  #cancelWake: (() => void) | undefined

  constructor(endpoints: readonly Endpoint[], { concurrency, requestsPerMinute, clock = systemClock }: PoolOptions) {
    this.#states = endpoints.map((endpoint) => new EndpointState(endpoint, concurrency))
    this.#concurrency = concurrency
    this.#clock = clock
    if (requestsPerMinute !== undefined) this.#limiter = new RequestLimiter(requestsPerMinute)
  }

  /** Waits for an endpoint. Rejects with `cancelled` when the signal fires, and with what parked them when none is left. */
  acquire(signal: AbortSignal): Promise<Lease> {
    if (signal.aborted) return Promise.reject(cancelledWaiting(signal))
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter)
        reject(cancelledWaiting(signal))
      }
      const waiter: Waiter = {
        resolve: (lease) => {
          signal.removeEventListener('abort', leave)
          resolve(lease)
        },
        reject: (error) => {
          signal.removeEventListener('abort', leave)
          reject(error)
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.add(waiter)
      this.#serve()
    })
  }

  /** Gives leases to those who wait, until something runs out; then sets the clock for when that changes. */
  #serve(): void {
    for (const waiter of this.#waiters) {
      const now = this.#clock.now()
      const refusal = this.#refusal(now)
      if (refusal) {
        this.#waiters.delete(waiter)
        waiter.reject(refusal)
        continue
      }
      if (this.#inFlight >= this.#concurrency) return
      const allowedAt = this.#limiter?.readyAt() ?? now
      const state = allowedAt > now ? undefined : this.#choose(now)
      if (!state) {
        this.#wake(Math.max(allowedAt, this.#readyAt(now)), now)
        return
      }
      this.#waiters.delete(waiter)
      waiter.resolve(this.#lease(state, now))
    }
  }

  #lease(state: EndpointState, now: number): Lease {
    this.#limiter?.take(now)
    this.#inFlight++
    const epoch = state.start(now)
    const end = () => {
      state.inFlight--
      this.#inFlight--
      this.#serve()
    }
    return {
      endpoint: state.endpoint,
      succeed: () => {
        state.succeeded()
        end()
      },
      fail: (error) => {
        const told = this.#note(state, epoch, error)
        end()
        return told
      },
    }
  }

  /** Smooth weighted round robin over the endpoints that can take a request now. */
  #choose(now: number): EndpointState | undefined {
    let best: EndpointState | undefined
    let total = 0
    for (const state of this.#states) {
      if (state.readyAt(now) > now) continue
      state.credit += state.weight
      total += state.weight
      if (!best || state.credit > best.credit) best = state
    }
    if (best) best.credit -= total
    return best
  }

  /** Lets an error change what is known of the endpoint, and rewrites it where others can take over. */
  #note(state: EndpointState, epoch: number, error: DiffgentorError): DiffgentorError {
    const now = this.#clock.now()
    const pause = error.retryAfterMs ?? 0
    const isBusy = error.code === 'upstream_rate_limit' || error.code === 'upstream_unavailable'
    if (isBusy && pause > LONGEST_PAUSE_MS) return this.#park(state, now, pause, tooLongPause(state.endpoint, pause, error))
    switch (error.code) {
      case 'upstream_rate_limit':
        state.refused(epoch, now + pause)
        return this.#retryWhenFree(error, now)
      case 'upstream_quota':
      case 'upstream_authentication':
        return this.#park(state, now, Math.max(PARKING_MS, pause), error)
      case 'upstream_unavailable':
      case 'upstream_unreachable':
        state.faltered(now + pause)
        return this.#retryWhenFree(error, now)
      case 'upstream_ambiguous':
        state.faltered(now)
        return error
      case 'cancelled':
        return error
      default:
        state.succeeded()
        return error
    }
  }

  /** Takes an endpoint out of use; the row goes on at another one, if there is one. */
  #park(state: EndpointState, now: number, ms: number, error: DiffgentorError): DiffgentorError {
    state.park(now + ms, error)
    if (this.#refusal(now)) return error
    const message = `${error.message.replace(/\.$/, '')}; the other endpoints go on.`
    return new DiffgentorError('upstream_unavailable', message, { cause: error, retryAfterMs: this.#msUntilReady(now) })
  }

  /** A repeat needs to wait only as long as no endpoint at all is free. */
  #retryWhenFree(error: DiffgentorError, now: number): DiffgentorError {
    if (error.retryAfterMs === undefined || this.#states.length === 1) return error
    return new DiffgentorError(error.code, error.message, { cause: error.cause, retryAfterMs: this.#msUntilReady(now) })
  }

  #msUntilReady(now: number): number {
    const live = this.#states.filter((state) => !state.parkedBy(now))
    return Math.max(0, Math.min(...live.map((state) => state.pausedUntil)) - now)
  }

  #readyAt(now: number): number {
    return Math.min(...this.#states.map((state) => state.readyAt(now)))
  }

  /** What to tell when every endpoint is parked: a lack of quota passes, so it is told rather than a wrong key. */
  #refusal(now: number): DiffgentorError | undefined {
    let refusal: DiffgentorError | undefined
    for (const state of this.#states) {
      const error = state.parkedBy(now)
      if (!error) return undefined
      if (!refusal || error.code === 'upstream_quota') refusal = error
    }
    return refusal
  }

  #wake(at: number, now: number): void {
    if (at >= this.#wakeAt || at === Number.POSITIVE_INFINITY) return
    this.#cancelWake?.()
    this.#wakeAt = at
    this.#cancelWake = this.#clock.after(at - now, () => {
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.#serve()
    })
  }

  /** Turns away everyone who still waits. */
  close(): void {
    this.#cancelWake?.()
    for (const waiter of this.#waiters) {
      waiter.reject(new DiffgentorError('cancelled', 'The backend was closed while the request waited for its turn.'))
    }
    this.#waiters.clear()
  }
}

function tooLongPause({ name }: Endpoint, ms: number, cause: DiffgentorError): DiffgentorError {
  const minutes = Math.ceil(ms / 60_000)
  return new DiffgentorError(
    'upstream_quota',
    `${name} asks for a pause of ${minutes} minutes, which is longer than the ${LONGEST_PAUSE_MS / 60_000} that are waited for; run again later.`,
    { cause, retryAfterMs: ms },
  )
}

function cancelledWaiting(signal: AbortSignal): DiffgentorError {
  return new DiffgentorError('cancelled', 'The request was cancelled before it was sent.', { cause: signal.reason })
}
