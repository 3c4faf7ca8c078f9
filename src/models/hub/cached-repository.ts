import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { hubCacheFolder, repositoryFolder, repositoryFolderName } from '../hub-cache.ts'
import type { ModelSettings } from '../model-folders.ts'
import { toCacheFault } from './disk-faults.ts'
import type { HubFile } from './hub-file.ts'

/**
 * One repository in the hub cache, in the layout of the Python library: contents in `blobs`, named by their digest, and for each
 * commit a folder in `snapshots` that links to them. `refs` holds the commits of branches and tags.
 */
export class CachedRepository {
  /** Where all its contents lie. */
  readonly blobs: string
  readonly #folder: string
  readonly #locks: string

  constructor(repository: string, settings: ModelSettings) {
    this.#folder = repositoryFolder(repository, settings)
    this.blobs = join(this.#folder, 'blobs')
    this.#locks = join(hubCacheFolder(settings), '.locks', repositoryFolderName(repository))
  }

  /** Makes the folders that downloads need. */
  async prepare(): Promise<void> {
    const folders = [this.blobs, join(this.#folder, 'refs'), join(this.#folder, 'snapshots'), this.#locks]
    await Promise.all(folders.map((folder) => mkdir(folder, { recursive: true }))).catch((cause: unknown) => {
      throw toCacheFault(cause, dirname(this.#folder))
    })
  }

  blobOf({ blob }: HubFile): string {
    return join(this.blobs, blob)
  }

  partialOf({ blob }: HubFile): string {
    return join(this.blobs, `${blob}.incomplete`)
  }

  lockOf({ blob }: HubFile): string {
    return join(this.#locks, `${blob}.holder`)
  }

  snapshotOf(commit: string): string {
    return join(this.#folder, 'snapshots', commit)
  }

  /** Where a file's content lies: among the blobs or, where a system without links was at work, in the snapshot itself. */
  async findContent(commit: string, file: HubFile): Promise<string | undefined> {
    for (const path of [this.blobOf(file), join(this.snapshotOf(commit), file.path)]) {
      if ((await sizeOf(path)) === file.size) return path
    }
    return undefined
  }

  /** Bytes of a file that an earlier try left. */
  async countPartial(file: HubFile): Promise<number> {
    return Math.min(file.size, (await sizeOf(this.partialOf(file))) ?? 0)
  }

  /** Puts a downloaded file into the folder of its commit: as a relative link, else as a hard link, else as a copy. */
  async place(commit: string, file: HubFile): Promise<void> {
    const target = join(this.snapshotOf(commit), file.path)
    if ((await sizeOf(target)) === file.size) return
    const blob = this.blobOf(file)
    const folder = dirname(target)
    try {
      await mkdir(folder, { recursive: true })
      await rm(target, { force: true })
      await symlink(relative(folder, blob), target)
        .catch(() => link(blob, target))
        .catch(() => copyFile(blob, target, constants.COPYFILE_EXCL))
    } catch (cause) {
      // Another process may have placed it in the meantime.
      if ((await sizeOf(target)) !== file.size) throw toCacheFault(cause, this.#folder)
    }
  }

  /** Notes which commit a branch or tag stands for; a commit stands for itself. */
  async writeReference(revision: string, commit: string): Promise<void> {
    if (revision === commit) return
    const target = join(this.#folder, 'refs', revision)
    const part = `${target}.${randomBytes(4).toString('hex')}.part`
    try {
      await mkdir(dirname(target), { recursive: true })
      await writeFile(part, commit)
      await rename(part, target)
    } catch (cause) {
      throw toCacheFault(cause, this.#folder)
    }
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    (stats) => (stats.isFile() ? stats.size : undefined),
    () => undefined,
  )
}
