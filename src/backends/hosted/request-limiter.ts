const MINUTE_MS = 60_000

/** Lets through at most so many starts in any window of a minute. Rates below one a minute stretch the window instead. */
export class RequestLimiter {
  readonly #windowMs: number
  /** Ring of the latest starts: the oldest is the one that the next start must be a window away from. */
  readonly #starts: Float64Array
  #oldest = 0

  /** @param perMinute starts a minute, above 0; fractions are rounded down to whole starts in a longer window. */
  constructor(perMinute: number) {
    const count = Math.max(1, Math.floor(perMinute))
    this.#windowMs = (MINUTE_MS * count) / perMinute
    this.#starts = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  }

  /** When the next start is allowed, on the clock of `take`. */
  readyAt(): number {
    return this.#starts[this.#oldest]! + this.#windowMs
  }

  /** Records a start. Call it only at or after `readyAt()`. */
  take(now: number): void {
    this.#starts[this.#oldest] = now
    this.#oldest = (this.#oldest + 1) % this.#starts.length
  }
}
