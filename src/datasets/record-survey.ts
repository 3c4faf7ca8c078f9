import { createHash } from 'node:crypto'
import type { ByteSource } from './byte-source.ts'
import type { Fingerprint } from './dataset.ts'
import { hashSource } from './hash-source.ts'
import { chooseIndex } from './index-column.ts'
import { readBatches } from './record-batches.ts'
import type { RecordFormat } from './record-format.ts'
import type { RecordStart } from './record-splitter.ts'
import { RepeatedIndexes } from './repeated-indexes.ts'

/** A place to start reading from without scanning all that comes before. */
export interface Checkpoint extends RecordStart {
  position: number
}

/** What one pass over a source finds out. */
export interface RecordSurvey {
  fingerprint: Fingerprint
  checkpoints: readonly Checkpoint[]
  repeated: RepeatedIndexes
}

/** Records between two checkpoints: seldom enough to cost nothing, often enough that a skip reads less than a megabyte. */
const CHECKPOINT_DISTANCE = 8192

/** Counts the records, hashes the source up to the end of the last one, notes checkpoints and looks for repeated indexes, all in one pass. */
export async function surveyRecords(
  source: ByteSource,
  format: RecordFormat,
  { name, indexColumn }: { name: string; indexColumn: string | undefined },
): Promise<RecordSurvey> {
  const hash = createHash('sha256')
  const checkpoints: Checkpoint[] = []
  const repeated = new RepeatedIndexes()
  let rows = 0
  let hashed = 0
  for await (const { buffer, offset, spans } of readBatches(source, format.layout, {
    start: format.start,
    isFirst: true,
    name,
  })) {
    const { starts, ends, lines } = spans
    for (let at = 0; at < starts.length; at += 1, rows += 1) {
      if (rows % CHECKPOINT_DISTANCE === 0) checkpoints.push({ position: rows, offset: offset + starts[at]!, line: lines[at]! })
      if (indexColumn === undefined) continue
      repeated.add(chooseIndex(format.parser.readCell(buffer.subarray(starts[at], ends[at]), indexColumn), rows))
    }
    const end = offset + ends.at(-1)!
    // A header, or blanks that an earlier buffer held, lie before this one.
    await hashSource(source, hash, hashed, offset)
    hash.update(buffer.subarray(0, end - offset))
    hashed = end
  }
  return { fingerprint: { rows, bytes: hashed, sha256: hash.digest('hex') }, checkpoints, repeated }
}

/** Whether the source still begins with what was fingerprinted, and the last row of then has not grown. */
export async function beginsWith(source: ByteSource, format: RecordFormat, earlier: Fingerprint): Promise<boolean> {
  if (earlier.bytes > source.size) return false
  const hash = createHash('sha256')
  await hashSource(source, hash, 0, earlier.bytes)
  if (hash.digest('hex') !== earlier.sha256) return false
  const next = new Uint8Array(1)
  const hasNext = (await source.read(next, earlier.bytes)) === 1
  return format.layout.isBoundary(hasNext ? next[0] : undefined)
}
