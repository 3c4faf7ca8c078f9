import { stat } from 'node:fs/promises'
import { DiffgentorError } from '../../errors.ts'

/** Holds what was read from the files used last, as long as they do not change on disk. */
export class RecentFiles<Content> {
  readonly #read: (path: string) => Promise<Content>
  readonly #limit: number
  readonly #held = new Map<string, { version: string; content: Promise<Content> }>()

  /** @param limit files held at most */
  constructor(read: (path: string) => Promise<Content>, limit: number) {
    this.#read = read
    this.#limit = limit
  }

  /** The file's content and a string that changes when the file does. */
  async get(path: string): Promise<{ version: string; content: Content }> {
    const stats = await stat(path).catch((cause: unknown) => {
      throw new DiffgentorError('model_not_found', `There is no file ${path}.`, { cause })
    })
    const version = `${path}|${stats.size}|${stats.mtimeMs}`
    const held = this.#held.get(path)
    const entry = held?.version === version ? held : { version, content: this.#read(path) }
    this.#held.delete(path)
    this.#held.set(path, entry)
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= this.#limit) break
      this.#held.delete(oldest)
    }
    try {
      return { version, content: await entry.content }
    } catch (error) {
      this.#held.delete(path)
      throw error
    }
  }
}
