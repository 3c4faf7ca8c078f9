import { parse } from 'csv-parse/sync'
import { DiffgentorError } from '../errors.ts'
import { decodeText, NOT_UTF8, type ParsedRecord, type RecordParser, UNREADABLE } from './record-parser.ts'
import { QUOTE } from './record-splitter.ts'

const NEWLINE_BYTES = Buffer.from('\n')

/** Reads the header record: the column names without surrounding blanks. */
export function parseCsvHeader(record: Buffer, delimiter: number, name: string): string[] {
  const text = decodeText(record)
  if (text === undefined) throw refuseHeader(name, `its first line ${NOT_UTF8}`)
  const fields = parseFields(text, delimiter)
  if (fields?.length !== 1) throw refuseHeader(name, 'a quote in its first line is never closed')
  const columns = fields[0]!.map((column) => column.trim())
  const repeated = columns.find((column, at) => columns.indexOf(column) !== at)
  if (repeated !== undefined) throw refuseHeader(name, `its header names the column "${repeated}" twice`)
  return columns
}

function refuseHeader(name: string, reason: string): DiffgentorError {
  return new DiffgentorError('invalid_configuration', `${name} cannot be read: ${reason}.`)
}

/** Parses records under a header. Many records go through csv-parse in one call, which is fifteen times faster than one by one. */
export function createCsvParser(columns: readonly string[], delimiter: number): RecordParser {
  const toRecord = (fields: readonly string[]): ParsedRecord => {
    if (fields.length === columns.length) return { values: Object.fromEntries(columns.map((name, at) => [name, fields[at]])) }
    return { fault: `has ${countFields(fields.length)}, the header has ${columns.length}` }
  }
  const parseOne = (record: Buffer): ParsedRecord => {
    const text = decodeText(record)
    if (text === undefined) return { fault: NOT_UTF8 }
    const rows = parseFields(text, delimiter)
    return rows?.length === 1 ? toRecord(rows[0]!) : { fault: 'has a quote that is never closed' }
  }
  return {
    parse(records) {
      const text = decodeText(Buffer.concat(records.flatMap((record) => [record, NEWLINE_BYTES])))
      const rows = text === undefined ? undefined : parseFields(text, delimiter)
      // A malformed record may swallow its neighbors: then each is parsed alone.
      return rows?.length === records.length ? rows.map(toRecord) : records.map(parseOne)
    },
    readCell(record, column) {
      const { text, count } = readField(record, columns.indexOf(column), delimiter)
      // In a ragged record the text may be another column's; a number is believed.
      return count === columns.length || /^\d+$/.test(text ?? '') ? text : UNREADABLE
    },
  }
}

function countFields(count: number): string {
  return count === 1 ? '1 field' : `${count} fields`
}

/** Quotes inside unquoted fields are literal, as in Python's csv module. */
function parseFields(text: string, delimiter: number): string[][] | undefined {
  try {
    return parse(text, {
      delimiter: String.fromCharCode(delimiter),
      record_delimiter: ['\n', '\r\n'],
      relax_quotes: true,
      relax_column_count: true,
    }) as string[][]
  } catch {
    return undefined
  }
}

/** The text of field `position` without the quotes around it, and how many fields there are; the others are not decoded. A quote that is never closed counts as no field. */
function readField(record: Buffer, position: number, delimiter: number): { text: string | undefined; count: number } {
  let text: string | undefined
  let count = 0
  let start = 0
  let isQuoted = false
  let closedAt = -2
  for (let at = 0; at <= record.length; at += 1) {
    const byte = record[at]
    if (byte === QUOTE) {
      if (isQuoted) closedAt = at
      isQuoted = isQuoted ? false : at === start || closedAt === at - 1
    }
    if (isQuoted || (byte !== undefined && byte !== delimiter)) continue
    if (count === position) text = unquote(record.toString('utf8', start, at))
    count += 1
    start = at + 1
  }
  return { text, count }
}

function unquote(field: string): string {
  return field.length > 1 && field.startsWith('"') && field.endsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field
}
