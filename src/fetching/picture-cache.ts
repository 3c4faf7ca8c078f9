import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DiskCache } from '../disk-cache/disk-cache.ts'
import { DiffgentorError } from '../errors.ts'

/** The first two digits of a hash. */
const SUBFOLDERS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Keeps fetched pictures in a folder, each under the hash of its URL, so that a resumed run fetches nothing twice. */
export class PictureCache {
  readonly #folder: string
  readonly #cache: DiskCache

  /** @param limitBytes what all pictures may take together; the ones unused for longest go first */
  constructor(folder: string, limitBytes = Number.POSITIVE_INFINITY) {
    this.#folder = folder
    this.#cache = new DiskCache({ folders: SUBFOLDERS.map((name) => join(folder, name)), limitBytes })
  }

  /** Undefined when the picture is not kept yet. */
  async read(url: string): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(url)
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes) await this.#cache.touch(path)
    return bytes
  }

  /** Keeps a picture; under its final name the file is always whole. */
  async write(url: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(url)
    const part = `${path}.${randomUUID()}.part`
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFlushed(part, bytes)
      await rename(part, path)
      await this.#cache.grow(bytes.length)
    } catch (error) {
      await rm(part, { force: true })
      const { code } = error as NodeJS.ErrnoException
      const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : 'not_writable'
      throw new DiffgentorError(kind, `The folder of fetched pictures ${this.#folder} cannot be written (${code}).`, {
        cause: error,
      })
    }
  }

  #pathOf(url: string): string {
    const hash = createHash('sha256').update(url).digest('hex')
    return join(this.#folder, hash.slice(0, 2), hash)
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx')
  await file.writeFile(bytes)
  await file.datasync()
}
