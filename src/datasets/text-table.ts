import { open } from 'node:fs/promises'
import { toCellText, toJsonText } from './cell-text.ts'
import type { RowValues } from './record-parser.ts'

const WRITE_CHARACTERS = 256 * 1024

/** Writes rows as CSV with a header (RFC 4180, `\n` line ends, UTF-8) and flushes the file to the disk. */
export async function writeCsvTable(path: string, columns: readonly string[], rows: AsyncIterable<RowValues>): Promise<void> {
  await writeLines(path, listCsvLines(columns, rows))
}

async function* listCsvLines(columns: readonly string[], rows: AsyncIterable<RowValues>): AsyncGenerator<string> {
  yield columns.map(quoteField).join(',')
  for await (const values of rows) yield columns.map((column) => quoteField(toCellText(values[column]))).join(',')
}

function quoteField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Writes rows as one JSON object a line and flushes the file to the disk. */
export async function writeJsonlTable(path: string, rows: AsyncIterable<RowValues>): Promise<void> {
  await writeLines(path, listJsonLines(rows))
}

async function* listJsonLines(rows: AsyncIterable<RowValues>): AsyncGenerator<string> {
  for await (const values of rows) yield toJsonText(values)
}

async function writeLines(path: string, lines: AsyncIterable<string>): Promise<void> {
  await using file = await open(path, 'w')
  let pending = ''
  for await (const line of lines) {
    pending += `${line}\n`
    if (pending.length < WRITE_CHARACTERS) continue
    await file.appendFile(pending)
    pending = ''
  }
  await file.appendFile(pending)
  await file.datasync()
}
