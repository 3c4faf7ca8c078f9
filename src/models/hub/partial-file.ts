import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { toCacheFault } from './disk-faults.ts'
import type { HubFile } from './hub-file.ts'

/** A download on its way: what lies on the disk of it, and the digest of that. */
export class PartialFile implements AsyncDisposable {
  readonly #path: string
  readonly #file: HubFile
  readonly #handle: FileHandle
  #hash: Hash
  #bytes = 0

  private constructor(path: string, file: HubFile, handle: FileHandle) {
    this.#path = path
    this.#file = file
    this.#handle = handle
    this.#hash = startDigest(file)
  }

  /** Opens what an earlier try left, or nothing. What is longer than the whole file is thrown away. */
  static async open(path: string, file: HubFile): Promise<PartialFile> {
    const handle = await open(path, 'a').catch((cause: unknown) => {
      throw toCacheFault(cause, path)
    })
    const partial = new PartialFile(path, file, handle)
    try {
      const { size } = await handle.stat()
      if (size > file.size) await partial.restart()
      else if (size > 0) await partial.#readEarlier()
      return partial
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** How much lies on the disk. */
  get bytes(): number {
    return this.#bytes
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.#handle.appendFile(chunk).catch((cause: unknown) => {
      throw toCacheFault(cause, this.#path)
    })
    this.#hash.update(chunk)
    this.#bytes += chunk.length
  }

  /** Throws everything away. */
  async restart(): Promise<void> {
    await this.#handle.truncate(0)
    this.#hash = startDigest(this.#file)
    this.#bytes = 0
  }

  /** Makes sure that the content reached the disk, and says whether it is the one that the hub lists. */
  async isWhole(): Promise<boolean> {
    await this.#handle.sync()
    return this.#bytes === this.#file.size && this.#hash.copy().digest('hex') === this.#file.blob
  }

  async #readEarlier(): Promise<void> {
    for await (const chunk of createReadStream(this.#path, { highWaterMark: 1 << 20 })) {
      this.#hash.update(chunk as Buffer)
      this.#bytes += (chunk as Buffer).length
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}

/** Git names a file by the SHA-1 of a head with its length, followed by its bytes. */
function startDigest({ digest, size }: HubFile): Hash {
  return digest === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}
