import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DiskCache } from '../../disk-cache/disk-cache.ts'
import { countElements, type Tensor } from '../../tensor/tensor.ts'
import type { EncodedText } from '../graphs/text-encoder.ts'

const SUFFIX = '.embedding'

/**
 * Encodings on disk, named by the hash of what they were made from, so that the next run need not load the text encoder. Several
 * processes may share the folder. A file that cannot be read or written only costs time.
 */
export class EmbeddingFiles {
  readonly #folder: string
  readonly #cache: DiskCache

  /** @param cache what the folder belongs to */
  constructor(folder: string, cache: DiskCache) {
    this.#folder = folder
    this.#cache = cache
  }

  async read(content: unknown): Promise<EncodedText | undefined> {
    const file = this.#fileOf(content)
    const bytes = await readFile(file).catch(() => undefined)
    const encoded = bytes && decode(bytes)
    if (encoded) await this.#cache.touch(file)
    return encoded
  }

  async write(content: unknown, encoded: EncodedText): Promise<void> {
    const file = this.#fileOf(content)
    const part = `${file}.${randomUUID()}.part`
    const bytes = encode(encoded)
    try {
      await mkdir(this.#folder, { recursive: true })
      await writeFile(part, bytes)
      await rename(part, file)
      await this.#cache.grow(bytes.length)
    } catch {
      await rm(part, { force: true }).catch(() => undefined)
    }
  }

  #fileOf(content: unknown): string {
    return join(this.#folder, `${createHash('sha256').update(JSON.stringify(content)).digest('hex')}${SUFFIX}`)
  }
}

/** A line with the shapes, then the float32 values of the states and of the pooled projection. */
function encode({ states, pooled }: EncodedText): Buffer {
  const tensors = pooled ? [states, pooled] : [states]
  const head = Buffer.from(`${JSON.stringify(tensors.map(({ shape }) => shape))}\n`)
  return Buffer.concat([head, ...tensors.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))])
}

/** Undefined for bytes that `encode` did not write, such as a torn file. */
function decode(bytes: Buffer): EncodedText | undefined {
  const end = bytes.indexOf(10)
  try {
    const shapes = JSON.parse(bytes.toString('utf8', 0, end)) as number[][]
    const values = new Float32Array(new Uint8Array(bytes.subarray(end + 1)).buffer)
    const lengths = shapes.map(countElements)
    if (values.length !== lengths.reduce((sum, length) => sum + length, 0)) return undefined
    const tensors = shapes.map((shape, i): Tensor => {
      const start = i === 0 ? 0 : lengths[0]!
      return { data: values.subarray(start, start + lengths[i]!), shape }
    })
    return tensors[0] && { states: tensors[0], pooled: tensors[1] }
  } catch {
    return undefined
  }
}
