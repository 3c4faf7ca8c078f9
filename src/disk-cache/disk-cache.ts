import { rm } from 'node:fs/promises'
import { listEntries } from './cache-entries.ts'
import { keepRecent, touch } from './recent-use.ts'

/** What was used or written within this time stays, even above the limit: some process may be about to open it. */
const GRACE_MS = 60 * 60 * 1000

/** After so many new bytes there is tidying to do. */
const TIDY_AFTER_BYTES = 64 * 1024 ** 2

export interface DiskCacheOptions {
  /** Folders whose direct children are the entries: files, or folders that belong together. They need not exist. */
  folders: readonly string[]
  /** Bytes that all entries may take together. */
  limitBytes: number
}

/**
 * Bounds what is kept on disk for later runs. Several processes may share the folders: nothing that was used within the last hour is deleted,
 * and what a process uses counts as used for as long as it lives.
 */
export class DiskCache {
  readonly limitBytes: number
  readonly #folders: readonly string[]
  /** Bytes written since this process last tidied. */
  #written = Number.POSITIVE_INFINITY

  constructor({ folders, limitBytes }: DiskCacheOptions) {
    this.#folders = folders
    this.limitBytes = limitBytes
  }

  /** Tells that an entry was read. */
  async touch(path: string): Promise<void> {
    await touch(path)
  }

  /** Tells that this process holds an entry open from now on. */
  async hold(path: string): Promise<void> {
    await keepRecent(path)
  }

  /** Tells that so many bytes were written; now and then that is when room is made for them. */
  async grow(bytes: number): Promise<void> {
    this.#written += bytes
    if (this.#written > TIDY_AFTER_BYTES) await this.tidy()
  }

  /** Deletes what is above the limit, the entries unused for longest first, and what writers left behind when they were killed. */
  async tidy(now = Date.now()): Promise<void> {
    this.#written = 0
    const entries = (await Promise.all(this.#folders.map(listEntries))).flat()
    let total = 0
    for (const { path, bytes, usedMs, isUnfinished } of entries.toSorted((a, b) => b.usedMs - a.usedMs)) {
      total += bytes
      const isOld = now - usedMs > GRACE_MS
      // Where a file is still open, some systems do not delete it: the next time will do.
      if (isOld && (isUnfinished || total > this.limitBytes))
        await rm(path, { recursive: true, force: true }).catch(() => undefined)
    }
  }
}
