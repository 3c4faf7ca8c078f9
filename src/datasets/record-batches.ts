import { DiffgentorError } from '../errors.ts'
import type { ByteSource } from './byte-source.ts'
import type { RecordLayout, RecordSpans, RecordStart } from './record-splitter.ts'

/** Bytes read at once: large enough to amortize the call, small enough to stay in the processor's cache. */
const CHUNK_BYTES = 256 * 1024
/** More than sixteen pictures as data URLs; beyond it, a quote or bracket was left open. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024

/** Some complete records, with the bytes that hold them. */
export interface RecordBatch {
  /** Not reused: it may be kept as long as a record is needed. */
  buffer: Buffer
  /** Where `buffer` begins in the source. */
  offset: number
  spans: RecordSpans
}

export interface BatchOptions {
  start: RecordStart
  /** The first record of the source, as opposed to one in the middle. */
  isFirst: boolean
  signal?: AbortSignal | undefined
  /** What to call the source in messages. */
  name: string
}

/** Reads a source as batches of complete records. A record larger than a chunk makes the next chunk larger, so that each byte is looked at a bounded number of times. */
export async function* readBatches(source: ByteSource, layout: RecordLayout, options: BatchOptions): AsyncGenerator<RecordBatch> {
  const { start, isFirst, signal, name } = options
  const splitter = layout.createSplitter(start.line, isFirst)
  let offset = start.offset
  let rest: Uint8Array = new Uint8Array(0)
  for (let isEnd = false; !isEnd; ) {
    signal?.throwIfAborted()
    if (rest.length > MAX_RECORD_BYTES) throw tooLarge(name, offset)
    const buffer = Buffer.allocUnsafeSlow(rest.length + Math.max(CHUNK_BYTES, rest.length))
    buffer.set(rest)
    const length = rest.length + (await source.read(buffer.subarray(rest.length), offset + rest.length))
    isEnd = length < buffer.length || offset + length >= source.size
    const spans: RecordSpans = { starts: [], ends: [], lines: [] }
    const done = splitter.split(buffer, length, isEnd, spans)
    if (spans.starts.length > 0) yield { buffer, offset, spans }
    rest = buffer.subarray(done, length)
    offset += done
  }
}

function tooLarge(name: string, offset: number): DiffgentorError {
  return new DiffgentorError(
    'invalid_configuration',
    `${name} holds a row of more than 256 MB that begins at byte ${offset}; a quote or a bracket is probably not closed there.`,
  )
}
