import { open } from 'node:fs/promises'
import { toCellText, toJsonText } from './cell-text.ts'
import type { RowValues } from './record-parser.ts'

const WRITE_CHARACTERS = 256 * 1024

/** Writes rows as CSV with a header (RFC 4180, `\n` line ends, UTF-8) and flushes the file to the disk. */
export async function writeCsvTable(path: string, columns: readonly string[], rows: AsyncIterable<RowValues>): Promise<void> {
  const header = columns.map(quoteField).join(',')
  await writeLines(path, header, rows, (values) => columns.map((column) => quoteField(toCellText(values[column]))).join(','))
}

function quoteField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Writes rows as one JSON object a line and flushes the file to the disk. */
export async function writeJsonlTable(path: string, rows: AsyncIterable<RowValues>): Promise<void> {
  await writeLines(path, undefined, rows, toJsonText)
}

async function writeLines(
  path: string,
  header: string | undefined,
  rows: AsyncIterable<RowValues>,
  toLine: (values: RowValues) => string,
): Promise<void> {
  await using file = await open(path, 'w')
  let pending = header === undefined ? '' : `${header}\n`
  for await (const values of rows) {
    pending += `${toLine(values)}\n`
    if (pending.length < WRITE_CHARACTERS) continue
    await file.appendFile(pending)
    pending = ''
  }
  await file.appendFile(pending)
  await file.datasync()
}
