/** Holds the values used last up to a size; the newest stays even when it alone is larger. */
export class RecentValues<Value> {
  readonly #limit: number
  readonly #sizeOf: (value: Value) => number
  readonly #held = new Map<string, Value>()
  #bytes = 0

  /** @param limit bytes */
  constructor(limit: number, sizeOf: (value: Value) => number) {
    this.#limit = limit
    this.#sizeOf = sizeOf
  }

  /** The held value, or the made one. */
  async get(key: string, make: () => Promise<Value>): Promise<Value> {
    const held = this.#held.get(key)
    const value = held ?? (await make())
    if (held === undefined) this.#bytes += this.#sizeOf(value)
    this.#held.delete(key)
    this.#held.set(key, value)
    for (const [oldest, old] of this.#held) {
      if (this.#bytes <= this.#limit || oldest === key) break
      this.#held.delete(oldest)
      this.#bytes -= this.#sizeOf(old)
    }
    return value
  }
}
