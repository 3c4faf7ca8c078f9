import { closeSync, fstatSync, ftruncateSync, openSync } from 'node:fs'
import type { DiffgentorError } from '../errors.ts'
import { toDiskError } from '../sinks/disk-errors.ts'
import { type FileOperations, NODE_FILES } from '../sinks/file-operations.ts'
import { writeAll } from '../sinks/write-durably.ts'
import { formatLedgerLine, type LedgerEntry } from './ledger-entry.ts'

interface Waiting {
  resolve: (offset: number) => void
  reject: (error: DiffgentorError) => void
  offset: number
}

/**
 * Appends entries to a ledger. Lines that come while others are being flushed go out together, so that many rows share one
 * flush. After a failed write the file is cut back to its last whole line and nothing more is written.
 */
export class LedgerWriter {
  readonly #path: string
  readonly #files: FileOperations
  readonly #fd: number
  #lines: string[] = []
  #waiting: Waiting[] = []
  #size: number
  #nextOffset: number
  #isFlushing = false
  #fault: DiffgentorError | undefined
  #onIdle: (() => void) | undefined

  /** Opens or makes the file; `wholeBytes` is where its last whole line ends. */
  constructor(path: string, wholeBytes: number, files: FileOperations = NODE_FILES) {
    this.#path = path
    this.#files = files
    try {
      this.#fd = openSync(path, 'a')
      if (fstatSync(this.#fd).size > wholeBytes) ftruncateSync(this.#fd, wholeBytes)
    } catch (error) {
      throw toDiskError(error, path)
    }
    this.#size = wholeBytes
    this.#nextOffset = wholeBytes
  }

  /** Resolves with the line's place in the file once it is on the disk. */
  append(entry: LedgerEntry): Promise<number> {
    if (this.#fault) return Promise.reject(this.#fault)
    const line = formatLedgerLine(entry)
    return new Promise((resolve, reject) => {
      this.#lines.push(line)
      this.#waiting.push({ resolve, reject, offset: this.#nextOffset })
      this.#nextOffset += Buffer.byteLength(line)
      if (!this.#isFlushing) this.#flush()
    })
  }

  #flush(): void {
    this.#isFlushing = true
    const bytes = Buffer.from(this.#lines.join(''))
    const waiting = this.#waiting
    this.#lines = []
    this.#waiting = []
    writeAll(this.#files, this.#fd, bytes, (writeError) => {
      if (writeError) return this.#fail(writeError, waiting)
      this.#files.fdatasync(this.#fd, (syncError) => {
        if (syncError) return this.#fail(syncError, waiting)
        this.#size += bytes.length
        for (const { resolve, offset } of waiting) resolve(offset)
        if (this.#lines.length > 0) return this.#flush()
        this.#becomeIdle()
      })
    })
  }

  #fail(error: unknown, waiting: readonly Waiting[]): void {
    const fault = toDiskError(error, `The ledger ${this.#path}`)
    this.#fault = fault
    this.#files.ftruncate(this.#fd, this.#size, () => {
      for (const { reject } of [...waiting, ...this.#waiting]) reject(fault)
      this.#waiting = []
      this.#lines = []
      this.#becomeIdle()
    })
  }

  #becomeIdle(): void {
    this.#isFlushing = false
    this.#onIdle?.()
  }

  /** Waits for what was appended and closes the file. */
  async close(): Promise<void> {
    if (this.#isFlushing) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    closeSync(this.#fd)
  }
}
