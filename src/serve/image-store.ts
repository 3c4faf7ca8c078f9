import { randomBytes } from 'node:crypto'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import type { ByteRange } from './http/byte-range.ts'

/** Bytes kept at most; the oldest pictures go first. */
const MAX_BYTES = 4e9

/** Bytes read at once. */
const PIECE = 256 * 1024

/** Pictures of one answer, to be fetched by address. */
interface StoredAnswer {
  type: string
  sizes: number[]
  expiresAt: number
}

export interface StoredPicture {
  bytes: Uint8Array
  type: string
}

/** What is known of a picture without reading it. */
export interface StoredFacts {
  type: string
  /** Bytes. */
  size: number
}

/** Keeps pictures on disk for `url` answers until their time is over. Ids cannot be guessed, so that an address is as good as a key. */
export class ImageStore {
  readonly #folder: string
  readonly #ttlMs: number
  readonly #answers = new Map<string, StoredAnswer>()
  readonly #sweeper: NodeJS.Timeout
  /** Files on their way to the disk. */
  readonly #writes = new Set<Promise<unknown>>()
  #isClosed = false
  #bytes = 0

  private constructor(folder: string, ttlSeconds: number) {
    this.#folder = folder
    this.#ttlMs = ttlSeconds * 1000
    this.#sweeper = setInterval(() => void this.#sweep(), Math.min(60_000, Math.max(1000, this.#ttlMs)))
    this.#sweeper.unref()
  }

  static async open(ttlSeconds: number): Promise<ImageStore> {
    return new ImageStore(await mkdtemp(join(tmpdir(), 'diffgentor-images-')), ttlSeconds)
  }

  /** Keeps the pictures of an answer and gives the id of all of them. Rejects with `not_ready` once the store is closed. */
  async add(pictures: readonly Uint8Array[], type: string): Promise<string> {
    if (this.#isClosed) throw new DiffgentorError('not_ready', 'The server has stopped; nothing is kept any more.')
    const id = randomBytes(18).toString('base64url')
    await this.#track(Promise.all(pictures.map((bytes, variant) => writeFile(this.#path(id, variant), bytes))))
    const sizes = pictures.map((bytes) => bytes.byteLength)
    this.#answers.set(id, { type, sizes, expiresAt: Date.now() + this.#ttlMs })
    this.#bytes += sum(sizes)
    await this.#sweep()
    return id
  }

  /** How many pictures an id has; undefined for an unknown or expired one. */
  count(id: string): number | undefined {
    return this.#find(id)?.sizes.length
  }

  /** What is known of one picture; undefined when there is none. */
  look(id: string, variant: number): StoredFacts | undefined {
    const answer = this.#find(id)
    const size = answer?.sizes[variant]
    return answer && size !== undefined ? { type: answer.type, size } : undefined
  }

  /** A part of a picture, piece by piece; it can be read to its end even where the picture is forgotten meanwhile. */
  async *readPart(id: string, variant: number, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    await using file = await open(this.#path(id, variant))
    for (let at = start; at <= end; at += PIECE) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, end - at + 1))
      const { bytesRead } = await file.read(piece, 0, piece.length, at)
      yield piece.subarray(0, bytesRead)
    }
  }

  /** One picture of an answer; undefined when there is none. */
  async read(id: string, variant: number): Promise<StoredPicture | undefined> {
    const answer = this.#find(id)
    if (!answer || !(variant in answer.sizes)) return undefined
    return { bytes: await readFile(this.#path(id, variant)), type: answer.type }
  }

  /** Forgets the pictures of an answer before their time. */
  async remove(id: string): Promise<void> {
    const answer = this.#answers.get(id)
    if (answer) await this.#drop(id, answer)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#sweeper)
    this.#answers.clear()
    await Promise.allSettled(this.#writes)
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #track(write: Promise<unknown>): Promise<void> {
    this.#writes.add(write)
    try {
      await write
    } finally {
      this.#writes.delete(write)
    }
  }

  #find(id: string): StoredAnswer | undefined {
    const answer = this.#answers.get(id)
    return answer && answer.expiresAt > Date.now() ? answer : undefined
  }

  async #sweep(): Promise<void> {
    for (const [id, answer] of this.#answers) {
      if (answer.expiresAt > Date.now() && this.#bytes <= MAX_BYTES) break
      await this.#drop(id, answer)
    }
  }

  async #drop(id: string, { sizes }: StoredAnswer): Promise<void> {
    this.#answers.delete(id)
    this.#bytes -= sum(sizes)
    await Promise.all(sizes.map((_, variant) => rm(this.#path(id, variant), { force: true })))
  }

  #path(id: string, variant: number): string {
    return join(this.#folder, `${id}-${variant}`)
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
