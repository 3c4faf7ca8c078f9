import { DiffgentorError } from '../../errors.ts'

interface CallerState {
  /** Requests that may be sent now; grows with time. */
  tokens: number
  refilledAt: number
  running: number
}

export interface CallerLimitOptions {
  /** Requests a minute of one caller; absent: any number. */
  requestsPerMinute?: number | undefined
  /** Requests of one caller at once; absent: any number. */
  concurrency?: number | undefined
  /** Milliseconds; for tests. */
  now?: () => number
}

/** Callers remembered at most; idle ones are forgotten first. */
const MAX_CALLERS = 10_000

/** How many requests one key, or one address while no key is set, may send: a bucket of tokens and a count. */
export class CallerLimits {
  readonly #options: CallerLimitOptions
  readonly #now: () => number
  readonly #callers = new Map<string, CallerState>()

  constructor(options: CallerLimitOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Counts a request in; the answer counts it out. Throws `rate_limited`. */
  enter(caller: string): () => void {
    const state = this.#stateOf(caller)
    const { requestsPerMinute, concurrency } = this.#options
    if (concurrency !== undefined && state.running >= concurrency) {
      throw new DiffgentorError('rate_limited', `At most ${concurrency} requests of one key may run at once.`, {
        retryAfterMs: 1000,
      })
    }
    if (requestsPerMinute !== undefined) this.#takeToken(state, requestsPerMinute)
    state.running++
    return () => {
      state.running--
    }
  }

  #takeToken(state: CallerState, perMinute: number): void {
    const now = this.#now()
    const burst = Math.max(1, perMinute)
    state.tokens = Math.min(burst, state.tokens + ((now - state.refilledAt) / 60_000) * perMinute)
    state.refilledAt = now
    if (state.tokens < 1) {
      const retryAfterMs = ((1 - state.tokens) / perMinute) * 60_000
      throw new DiffgentorError('rate_limited', `At most ${perMinute} requests a minute may be sent with one key.`, {
        retryAfterMs,
      })
    }
    state.tokens--
  }

  #stateOf(caller: string): CallerState {
    const known = this.#callers.get(caller)
    const state = known ?? {
      tokens: Math.max(1, this.#options.requestsPerMinute ?? 1),
      refilledAt: this.#now(),
      running: 0,
    }
    this.#callers.delete(caller)
    this.#callers.set(caller, state)
    if (this.#callers.size > MAX_CALLERS) this.#forgetIdle()
    return state
  }

  #forgetIdle(): void {
    for (const [caller, state] of this.#callers) {
      if (state.running > 0) continue
      this.#callers.delete(caller)
      return
    }
  }
}
