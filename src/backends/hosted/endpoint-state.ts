import type { DiffgentorError } from '../../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { RequestLimiter } from './request-limiter.ts'

/** Errors never push an endpoint below this share of its weight: it must be able to prove itself again. */
const LEAST_HEALTH = 1 / 64

/** What a pool knows of one endpoint: its load, its limits and how it has done lately. */
export class EndpointState {
  readonly endpoint: Endpoint
  /** Running total of the weighted choice. */
  credit = 0
  inFlight = 0
  /** No request before this time. */
  pausedUntil = Number.NEGATIVE_INFINITY
  #parkedUntil = Number.NEGATIVE_INFINITY
  #parkedBy: DiffgentorError | undefined
  #health = 1
  /** Requests at once: halves at a refusal, grows by one after as many successes as it is wide. */
  #width: number
  readonly #mostWidth: number
  #successes = 0
  /** Counts the halvings, so that one burst of refusals halves once. */
  #epoch = 0
  readonly #limiter: RequestLimiter | undefined

  constructor(endpoint: Endpoint, mostWidth: number) {
    this.endpoint = endpoint
    this.#mostWidth = mostWidth
    this.#width = mostWidth
    if (endpoint.requestsPerMinute !== undefined) this.#limiter = new RequestLimiter(endpoint.requestsPerMinute)
  }

  get width(): number {
    return this.#width
  }

  /** Weight after recent errors. */
  get weight(): number {
    return this.endpoint.weight * this.#health
  }

  /** The error that keeps it out of use; undefined while it is in use. */
  parkedBy(now: number): DiffgentorError | undefined {
    return now < this.#parkedUntil ? this.#parkedBy : undefined
  }

  /** When it can take a request: infinity while parked or full, for then only another event helps. */
  readyAt(now: number): number {
    if (this.parkedBy(now)) return this.#parkedUntil
    if (this.inFlight >= this.#width) return Number.POSITIVE_INFINITY
    return Math.max(this.pausedUntil, this.#limiter?.readyAt() ?? Number.NEGATIVE_INFINITY)
  }

  /** Starts a request; returns the epoch to hand to `refused`. */
  start(now: number): number {
    this.#limiter?.take(now)
    this.inFlight++
    return this.#epoch
  }

  succeeded(): void {
    this.#health = Math.min(1, this.#health * 2)
    this.#successes++
    if (this.#successes < this.#width) return
    this.#successes = 0
    this.#width = Math.min(this.#mostWidth, this.#width + 1)
  }

  /** Broke down or could not be reached. */
  faltered(pauseUntil: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, pauseUntil)
    this.#health = Math.max(LEAST_HEALTH, this.#health / 2)
  }

  /** Asked for less: halves the width, once for all requests that were already under way. */
  refused(epoch: number, pauseUntil: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, pauseUntil)
    if (epoch !== this.#epoch) return
    this.#epoch++
    this.#successes = 0
    this.#width = Math.max(1, Math.floor(this.#width / 2))
  }

  park(until: number, error: DiffgentorError): void {
    this.#parkedUntil = Math.max(this.#parkedUntil, until)
    this.#parkedBy = error
  }
}
