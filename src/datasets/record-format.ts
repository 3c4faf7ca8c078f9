import type { ByteSource } from './byte-source.ts'
import { createCsvParser, parseCsvHeader } from './csv-parser.ts'
import { csvLayout } from './csv-splitter.ts'
import type { TextFormat } from './input-format.ts'
import { jsonArrayLayout } from './json-array-splitter.ts'
import { createJsonParser } from './json-parser.ts'
import { LINE_LAYOUT } from './line-splitter.ts'
import { readBatches } from './record-batches.ts'
import { measureByteOrderMark, type RecordParser } from './record-parser.ts'
import type { RecordLayout, RecordStart } from './record-splitter.ts'
import { createTextParser } from './text-parser.ts'

const DELIMITERS = { csv: ','.charCodeAt(0), tsv: '\t'.charCodeAt(0) }

/** How the records of one source are cut and parsed. */
export interface RecordFormat {
  layout: RecordLayout
  parser: RecordParser
  /** Where the first record begins, after byte order mark and header. */
  start: RecordStart
  /** Columns of the header; undefined when the format has none and the first record tells. */
  columns: readonly string[] | undefined
  /** `line` when records are found by their line, `row` when by their number. */
  placeBy: 'line' | 'row'
}

/** Reads what stands before the first record. `textColumn` is the column that a bare text fills. */
export async function openFormat(
  source: ByteSource,
  format: TextFormat,
  { name, textColumn }: { name: string; textColumn: string },
): Promise<RecordFormat> {
  const head = new Uint8Array(4)
  const length = await source.read(head, 0)
  const start = { offset: measureByteOrderMark(head.subarray(0, length), name), line: 1 }
  if (format === 'csv' || format === 'tsv') return openCsv(source, DELIMITERS[format], start, name)
  if (format === 'txt') {
    return { layout: LINE_LAYOUT, parser: createTextParser(textColumn), start, columns: [textColumn], placeBy: 'line' }
  }
  const parser = createJsonParser(textColumn)
  if (format === 'jsonl') return { layout: LINE_LAYOUT, parser, start, columns: undefined, placeBy: 'line' }
  return { layout: jsonArrayLayout(name), parser, start, columns: undefined, placeBy: 'row' }
}

async function openCsv(source: ByteSource, delimiter: number, start: RecordStart, name: string): Promise<RecordFormat> {
  const layout = csvLayout(delimiter)
  for await (const { buffer, offset, spans } of readBatches(source, layout, { start, isFirst: true, name })) {
    const end = spans.ends[0]!
    const columns = parseCsvHeader(buffer.subarray(spans.starts[0]!, end), delimiter, name)
    const parser = createCsvParser(columns, delimiter)
    const first = { offset: offset + end, line: spans.lines[0]! + countNewlines(buffer.subarray(spans.starts[0]!, end)) }
    return { layout, parser, start: first, columns, placeBy: 'line' }
  }
  return { layout, parser: createCsvParser([], delimiter), start, columns: [], placeBy: 'line' }
}

function countNewlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count += 1
  return count
}
