import { join } from 'node:path'
import { toDiskError } from './disk-errors.ts'
import { type FileOperations, NODE_FILES } from './file-operations.ts'
import { InsideFolder } from './inside-folder.ts'
import { PartNames } from './part-files.ts'
import { writeDurably } from './write-durably.ts'

/** Puts finished files into the output folder, each whole or not at all. */
export class FolderSink {
  readonly #inside: InsideFolder
  readonly #parts: PartNames
  readonly #files: FileOperations

  /** `root` is the real path of an existing folder; `runId` marks the part files of this run. */
  constructor(root: string, runId: string, files: FileOperations = NODE_FILES) {
    this.#inside = new InsideFolder(root)
    this.#parts = new PartNames(runId)
    this.#files = files
  }

  /** Makes the folder of a name, so that a name that cannot be written fails before anything is drawn. */
  async prepare(name: string): Promise<void> {
    if (name.includes('/')) await this.#inside.prepare(name)
  }

  /** Writes, flushes and renames. Rejects with `disk_full`, `not_writable` or `invalid_output_name`. */
  async save(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#inside.root, name)
    try {
      await writeDurably(path, this.#parts.beside(path), bytes, this.#files)
    } catch (error) {
      throw toDiskError(error, `The output "${name}"`)
    }
  }
}
