import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { relative } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { type LedgerEntry, parseLedgerLine } from './ledger-entry.ts'
import { readCost, type ScannedLine, type ScanResult, scanLedger } from './ledger-scan.ts'
import { LedgerWriter } from './ledger-writer.ts'
import { RowStates } from './row-states.ts'
import { listNeighbors, type RunFiles } from './run-files.ts'

interface LedgerFile {
  path: string
  /** Address of its first byte: bytes of the files before it. */
  base: number
  wholeBytes: number
}

const READ_AHEAD = 1 << 16

/**
 * All that the ledgers of an output folder say. Other shards' ledgers are read first and only read; this run's own comes last
 * and grows. A line's address is its place in all of them laid end to end.
 */
export class LedgerStore {
  readonly states: RowStates
  /** US dollars that the ledgers held at the start. */
  readonly spentUsd: number
  /** Sentences about lines that could not be read. */
  readonly notices: readonly string[]
  readonly #files: readonly LedgerFile[]
  readonly #own: LedgerFile
  readonly #writer: LedgerWriter
  #window: { fd: number; file: LedgerFile; start: number; bytes: Buffer } | undefined

  private constructor({ states, files, spentUsd, notices }: LedgerContents) {
    this.states = states
    this.spentUsd = spentUsd
    this.notices = notices
    this.#files = files
    this.#own = files.at(-1)!
    this.#writer = new LedgerWriter(this.#own.path, this.#own.wholeBytes)
  }

  /** Reads what there is and opens the run's own ledger for appending. The options are those of `readLedgers`. */
  static async open(runFiles: RunFiles, rows: number, { isAlone = false } = {}): Promise<LedgerStore> {
    return new LedgerStore(await readLedgers(runFiles, rows, { isAlone }))
  }

  /** Appends to the run's own ledger; resolves once the line is on the disk and counts. */
  async append(entry: LedgerEntry): Promise<void> {
    const offset = await this.#writer.append(entry)
    this.states.record(entry.position, entry.status, this.#own.base + offset)
  }

  /** The last line of a row; undefined while it has none. */
  read(position: number): LedgerEntry | undefined {
    if (this.states.get(position) === 'pending') return undefined
    const address = this.states.addressOf(position)
    const file = this.#files.findLast(({ base }) => base <= address)!
    return parseLedgerLine(this.#readLine(file, address - file.base))
  }

  /** Visits the last line of every row that was there at the start, in the order of the files, letting other work go on in between. */
  async visitLastLines(onLine: (line: ScannedLine) => void, signal: AbortSignal): Promise<void> {
    for (const { path, base, wholeBytes } of this.#files) {
      if (wholeBytes === 0) continue
      const visit = (line: ScannedLine) => {
        if (line.offset >= wholeBytes || line.position >= this.states.size) return
        if (this.states.addressOf(line.position) === base + line.offset) onLine(line)
      }
      await walk(path, visit, { signal, upTo: wholeBytes })
    }
  }

  /** Lines are mostly asked for in the order in which they were written, so the bytes behind one are kept. */
  #readLine(file: LedgerFile, offset: number): string {
    for (let length = READ_AHEAD; ; length *= 4) {
      const window = this.#window
      if (window?.file === file && offset >= window.start && offset < window.start + window.bytes.length) {
        const from = offset - window.start
        const end = window.bytes.indexOf(0x0a, from)
        if (end >= 0) return window.bytes.toString('utf8', from, end)
      }
      const fd = window?.file === file ? window.fd : this.#openWindow(file)
      const bytes = Buffer.allocUnsafe(length)
      const read = readSync(fd, bytes, 0, length, offset)
      if (read === 0) return ''
      this.#window = { fd, file, start: offset, bytes: bytes.subarray(0, read) }
    }
  }

  #openWindow(file: LedgerFile): number {
    if (this.#window) closeSync(this.#window.fd)
    this.#window = undefined
    return openSync(file.path, 'r')
  }

  /** Waits for what was appended and closes the files. */
  async close(): Promise<void> {
    if (this.#window) closeSync(this.#window.fd)
    this.#window = undefined
    await this.#writer.close()
  }
}

/** What the ledgers of an output folder say. */
interface LedgerContents {
  states: RowStates
  files: readonly LedgerFile[]
  /** US dollars. */
  spentUsd: number
  /** Sentences about lines that could not be read. */
  notices: readonly string[]
}

/** Reads the ledgers of an output folder and writes nothing. `rows` is the data set's length. `isAlone`: what other runs on the folder did does not count. */
export async function readLedgers(runFiles: RunFiles, rows: number, { isAlone = false } = {}): Promise<LedgerContents> {
  const states = new RowStates(rows)
  const files: LedgerFile[] = []
  const notices: string[] = []
  let spentUsd = 0
  let base = 0
  for (const path of isAlone ? [runFiles.ledger] : listLedgers(runFiles)) {
    const result = await walk(path, (line) => {
      states.record(line.position, line.status, base + line.offset)
      spentUsd += readCost(line)
    })
    notices.push(...describeUnreadable(relative(runFiles.folder, path), result))
    files.push({ path, base, wholeBytes: result.wholeBytes })
    base += result.wholeBytes
  }
  return { states, files, spentUsd, notices }
}

/** Paths of all ledgers in the output folder, the run's own last; they need not exist. */
function listLedgers(files: RunFiles): string[] {
  return [...listNeighbors(files), files].map(({ ledger }) => ledger)
}

/** Scans a file, giving way to other work between chunks. A file that is not there has no lines. */
async function walk(
  path: string,
  onLine: (line: ScannedLine) => void,
  { signal, upTo = Number.POSITIVE_INFINITY }: { signal?: AbortSignal; upTo?: number } = {},
): Promise<ScanResult> {
  const nothing: ScanResult = { wholeBytes: 0, unreadableLines: [] }
  if (!existsSync(path) || statSync(path).size === 0) return nothing
  const scan = scanLedger(path, onLine)
  for (let read = 0; ; ) {
    const step = scan.next()
    if (step.done) return step.value
    read += step.value
    if (signal?.aborted || read >= upTo) {
      scan.return(nothing)
      return nothing
    }
    await breathe()
  }
}

function describeUnreadable(name: string, { unreadableLines }: ScanResult): string[] {
  if (unreadableLines.length === 0) return []
  return [`${name} has lines that cannot be read (${unreadableLines.join(', ')}); they are passed over.`]
}
