import { isUtf8 } from 'node:buffer'
import { DiffgentorError } from '../errors.ts'

/** The columns of a row. */
export type RowValues = Readonly<Record<string, unknown>>

/** What parsing one record gave: its columns, or one phrase on what is wrong with it. */
export type ParsedRecord = { values: RowValues } | { fault: string }

/** Turns the bytes of records into columns. */
export interface RecordParser {
  /** One result for each record, in order. */
  parse(records: readonly Buffer[]): ParsedRecord[]
  /** The cell of one column alone, without parsing the whole record where the format allows; undefined when there is none, `UNREADABLE` when the record is too broken to tell. */
  readCell(record: Buffer, column: string): unknown
}

export const UNREADABLE: unique symbol = Symbol('unreadable')

/** What a bad encoding is called in a row's error. */
export const NOT_UTF8 = 'is not valid UTF-8'

/** The text of a record, or undefined when it is not UTF-8. */
export function decodeText(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** Looks at the first bytes: how many a byte order mark takes. UTF-16, UTF-32 and compressed files are refused. */
export function measureByteOrderMark(head: Uint8Array, name: string): number {
  const [first, second, third] = head
  if (first === 0xef && second === 0xbb && third === 0xbf) return 3
  if (first === 0x1f && second === 0x8b) {
    throw new DiffgentorError('invalid_configuration', `${name} is compressed with gzip; unpack it and try again.`)
  }
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
  if (isUtf16 || head.subarray(0, 4).includes(0)) {
    throw new DiffgentorError('invalid_configuration', `${name} is not UTF-8 text; save it as UTF-8 and try again.`)
  }
  return 0
}
