import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { parseLedgerLine, type RowStatus } from './ledger-entry.ts'

/** What a scan tells of each line. The bytes are valid during the call only. */
export interface ScannedLine {
  index: number
  position: number
  status: RowStatus
  /** Where the line begins in the file. */
  offset: number
  bytes: Buffer
  /** The line's place within `bytes`, without its end. */
  start: number
  end: number
}

/** What a scan found besides the lines. */
export interface ScanResult {
  /** Bytes up to the end of the last whole line: what follows is torn. */
  wholeBytes: number
  /** Lines that are no ledger lines, by number from 1 (the first few). */
  unreadableLines: number[]
}

const NEWLINE = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const ZERO = 0x30
const NINE = 0x39
const INDEX_KEY = Buffer.from('{"index":')
const POSITION_KEY = Buffer.from('"position":')
const STATUS_KEY = Buffer.from('"status":"')
const STATUS_WORDS: readonly RowStatus[] = ['started', 'done', 'failed', 'unknown', 'suspect', 'poison']
const STATUS_BYTES = STATUS_WORDS.map((word) => ({ word, bytes: Buffer.from(`${word}"`) }))
const MOST_REPORTED = 5

/**
 * Reads a ledger line by line without holding it. The first fields are read from the bytes, as this program writes them;
 * a line in another form is parsed as JSON. Yields the bytes read after each chunk; lines go to a callback, since yielding each
 * would cost as much as reading it.
 */
export function* scanLedger(
  path: string,
  onLine: (line: ScannedLine) => void,
  chunkBytes = 1 << 18,
): Generator<number, ScanResult, undefined> {
  const fd = openSync(path, 'r')
  try {
    const size = fstatSync(fd).size
    const line: ScannedLine = { index: 0, position: 0, status: 'done', offset: 0, bytes: Buffer.alloc(0), start: 0, end: 0 }
    const unreadableLines: number[] = []
    let buffer = Buffer.allocUnsafe(chunkBytes)
    let held = 0
    let base = 0
    let lines = 0
    while (base + held < size) {
      if (held === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)])
      const read = readSync(fd, buffer, held, buffer.length - held, base + held)
      if (read === 0) break
      held += read
      const filled = buffer.subarray(0, held)
      line.bytes = filled
      let start = 0
      for (let end = filled.indexOf(NEWLINE); end >= 0; end = filled.indexOf(NEWLINE, start)) {
        lines++
        line.start = start
        line.end = end
        line.offset = base + start
        if (readHead(line)) onLine(line)
        else if (end > start && unreadableLines.length < MOST_REPORTED) unreadableLines.push(lines)
        start = end + 1
      }
      buffer.copyWithin(0, start, held)
      held -= start
      base += start
      yield read
    }
    return { wholeBytes: base, unreadableLines }
  } finally {
    closeSync(fd)
  }
}

/** Fills in index, position and status; false when the line is no ledger line. */
function readHead(line: ScannedLine): boolean {
  return readPlainHead(line) || readParsedHead(line)
}

function readPlainHead(line: ScannedLine): boolean {
  const { bytes, start, end } = line
  // A torn line that was written over has no closing brace.
  if (bytes[end - 1] !== 0x7d || !startsWith(bytes, start, INDEX_KEY)) return false
  let at = start + INDEX_KEY.length
  let number = 0
  const firstDigit = at
  for (; bytes[at]! >= ZERO && bytes[at]! <= NINE; at++) number = number * 10 + (bytes[at]! - ZERO)
  if (at === firstDigit || bytes[at++] !== COMMA) return false
  line.index = number
  line.position = number
  if (startsWith(bytes, at, POSITION_KEY)) {
    at += POSITION_KEY.length
    for (number = 0; bytes[at]! >= ZERO && bytes[at]! <= NINE; at++) number = number * 10 + (bytes[at]! - ZERO)
    line.position = number
    if (bytes[at++] !== COMMA) return false
  }
  if (!startsWith(bytes, at, STATUS_KEY)) return false
  at += STATUS_KEY.length
  const status = STATUS_BYTES.find((known) => startsWith(bytes, at, known.bytes))
  if (!status) return false
  line.status = status.word
  return true
}

function readParsedHead(line: ScannedLine): boolean {
  const entry = parseLedgerLine(line.bytes.toString('utf8', line.start, line.end))
  if (!entry) return false
  line.index = entry.index
  line.position = entry.position
  line.status = entry.status
  return true
}

function startsWith(bytes: Buffer, at: number, key: Buffer): boolean {
  for (let offset = 0; offset < key.length; offset++) {
    if (bytes[at + offset] !== key[offset]) return false
  }
  return true
}

const COST_KEY = Buffer.from('"cost_usd":')

/** The cost at the end of a line in US dollars; 0 when it holds none. */
export function readCost({ bytes, start, end }: ScannedLine): number {
  let at = end - 2
  while (at > start && bytes[at] !== 0x3a && bytes[at] !== QUOTE && bytes[at] !== COMMA) at--
  const keyStart = at + 1 - COST_KEY.length
  if (bytes[at] !== 0x3a || keyStart < start || !startsWith(bytes, keyStart, COST_KEY)) return 0
  const cost = Number(bytes.toString('latin1', at + 1, end - 1))
  return Number.isFinite(cost) ? cost : 0
}
