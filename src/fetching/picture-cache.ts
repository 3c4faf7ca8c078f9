import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DiffgentorError } from '../errors.ts'

/** Keeps fetched pictures in a folder, each under the hash of its URL, so that a resumed run fetches nothing twice. */
export class PictureCache {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Undefined when the picture is not kept yet. */
  async read(url: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#pathOf(url))
    } catch {
      return undefined
    }
  }

  /** Keeps a picture; under its final name the file is always whole. */
  async write(url: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(url)
    const part = `${path}.${randomUUID()}.part`
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFlushed(part, bytes)
      await rename(part, path)
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
