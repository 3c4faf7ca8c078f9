import { lstat, mkdir, realpath } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { toDiskError } from './disk-errors.ts'

const REMEMBERED_FOLDERS = 4096

/** Makes the folders that output names need, and lets none of them lead out of the output folder through a link. */
export class InsideFolder {
  readonly root: string
  readonly #seen = new Set<string>()

  /** `root` is the real path of an existing folder. */
  constructor(root: string) {
    this.root = root
  }

  /** Resolves once the folder of `name` exists inside the root. `name` is relative, uses `/`, and holds no `..`. */
  async prepare(name: string): Promise<void> {
    const folder = dirname(name)
    if (folder === '.' || this.#seen.has(folder)) return
    const path = join(this.root, folder)
    try {
      this.#refuseEscape(await readRealPath(await findExisting(path)), name)
      await mkdir(path, { recursive: true })
      // Once more: a link may have been put there in between.
      this.#refuseEscape(await readRealPath(path), name)
    } catch (error) {
      throw toDiskError(error, `The output "${name}"`)
    }
    if (this.#seen.size >= REMEMBERED_FOLDERS) this.#seen.clear()
    this.#seen.add(folder)
  }

  #refuseEscape(real: string | undefined, name: string): void {
    const way = real === undefined ? '..' : relative(this.root, real)
    if (way !== '..' && !way.startsWith(`..${sep}`) && way !== real) return
    throw new DiffgentorError(
      'invalid_output_name',
      `The output name "${name}" leads out of the output folder through a link; remove the link or rename the row's output.`,
      { field: 'output_name' },
    )
  }
}

/** Where a path really leads; undefined for a link to nowhere. */
async function readRealPath(path: string): Promise<string | undefined> {
  return await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}

/** The path itself or its nearest parent that exists; a dangling link counts as existing. */
async function findExisting(path: string): Promise<string> {
  for (let current = path; ; current = dirname(current)) {
    const exists = await lstat(current).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false
        throw error
      },
    )
    if (exists || current === dirname(current)) return current
  }
}
