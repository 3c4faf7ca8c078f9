import type { EncodedText } from '../graphs/text-encoder.ts'
import type { EmbeddingFiles } from './embedding-files.ts'

/** Holds the newest encodings up to a size, so that a prompt that comes again (most often the negative one) is not encoded again. */
export class EmbeddingCache {
  readonly #entries = new Map<string, EncodedText>()
  readonly #limit: number
  readonly #files: EmbeddingFiles | undefined
  #bytes = 0

  /**
   * @param limit bytes held in memory
   * @param files where encodings are kept for the next run
   */
  constructor(limit: number, files?: EmbeddingFiles) {
    this.#limit = limit
    this.#files = files
  }

  /** The held value, the one on disk, or the made one. `describe` tells all that it is made from; undefined: not for the disk. */
  async get(key: string, make: () => Promise<EncodedText>, describe?: () => Promise<unknown>): Promise<EncodedText> {
    const held = this.#entries.get(key)
    if (held) {
      this.#entries.delete(key)
      this.#entries.set(key, held)
      return held
    }
    const made = await this.#readOrMake(make, describe)
    this.#entries.set(key, made)
    this.#bytes += sizeOf(made)
    for (const [oldest, value] of this.#entries) {
      if (this.#bytes <= this.#limit || oldest === key) break
      this.#entries.delete(oldest)
      this.#bytes -= sizeOf(value)
    }
    return made
  }

  async #readOrMake(make: () => Promise<EncodedText>, describe?: () => Promise<unknown>): Promise<EncodedText> {
    if (!this.#files || !describe) return await make()
    const content = await describe()
    const read = await this.#files.read(content)
    if (read) return read
    const made = await make()
    await this.#files.write(content, made)
    return made
  }
}

function sizeOf({ states, pooled }: EncodedText): number {
  return states.data.byteLength + (pooled?.data.byteLength ?? 0)
}
