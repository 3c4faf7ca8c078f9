import type { EncodedText } from '../graphs/text-encoder.ts'

/** Holds the newest encodings up to a size, so that a prompt that comes again (most often the negative one) is not encoded again. */
export class EmbeddingCache {
  readonly #entries = new Map<string, EncodedText>()
  readonly #limit: number
  #bytes = 0

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** The held value, or the made one. */
  async get(key: string, make: () => Promise<EncodedText>): Promise<EncodedText> {
    const held = this.#entries.get(key)
    if (held) {
      this.#entries.delete(key)
      this.#entries.set(key, held)
      return held
    }
    const made = await make()
    this.#entries.set(key, made)
    this.#bytes += sizeOf(made)
    for (const [oldest, value] of this.#entries) {
      if (this.#bytes <= this.#limit || oldest === key) break
      this.#entries.delete(oldest)
      this.#bytes -= sizeOf(value)
    }
    return made
  }
}

function sizeOf({ states, pooled }: EncodedText): number {
  return states.data.byteLength + (pooled?.data.byteLength ?? 0)
}
