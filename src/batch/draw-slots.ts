import pLimit, { type LimitFunction } from 'p-limit'

/** How many requests are with the backend at once: halves when it asks for less, and grows back one by one. */
export class DrawSlots {
  readonly #limit: LimitFunction
  readonly #most: number
  #successes = 0
  #round = 0

  constructor(most: number) {
    this.#most = most
    this.#limit = pLimit(most)
  }

  get limit(): number {
    return this.#limit.concurrency
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#limit(work)
  }

  /** Counts the halvings; taken before a request leaves and handed to `halve`. */
  get round(): number {
    return this.#round
  }

  /** After an answer that the rate is too high. Requests of one round that are all refused halve once. */
  halve(round: number): void {
    if (round !== this.#round) return
    this.#round++
    this.#successes = 0
    this.#limit.concurrency = Math.max(1, Math.floor(this.#limit.concurrency / 2))
  }

  /** After a request that went well: a full round of them earns one more slot. */
  grow(): void {
    if (this.#limit.concurrency >= this.#most || ++this.#successes < this.#limit.concurrency) return
    this.#successes = 0
    this.#limit.concurrency++
  }
}
