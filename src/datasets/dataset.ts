import type { SchemaElement } from 'hyparquet'
import type { DiffgentorError } from '../errors.ts'

/** One row as it stands in the data set. */
export interface Row {
  /** Place in the data set, from 0; unreadable rows count. */
  readonly position: number
  /** The `index` (or integer `id`) column, else the position. Names the files and seeds the pictures. */
  readonly index: number
  /** Every column as read: text, numbers, nested values, `Uint8Array` for embedded bytes. */
  readonly values: Readonly<Record<string, unknown>>
  /** Where it stands, for messages: `line 12`, `row 3 of part-0.parquet`. */
  readonly place: string
  /** Set when the row cannot be read; `values` is then empty. */
  readonly error?: DiffgentorError
}

/** What a resume compares: the first `bytes` bytes of the source hash to `sha256`, and hold `rows` rows. */
export interface Fingerprint {
  readonly rows: number
  readonly bytes: number
  readonly sha256: string
}

/** Which rows to read. */
export interface RowOptions {
  /** Position of the first row. Default 0. */
  from?: number | undefined
  /** Passes over the positions for which it is false, before the rows are parsed. Default: every row is wanted. */
  wants?: ((position: number) => boolean) | undefined
  signal?: AbortSignal | undefined
}

/** A data set that is read row by row, as often as needed, and never held. */
export interface Dataset extends AsyncDisposable {
  /** What to call it in messages and in `run.json`. */
  readonly name: string
  /** Folder against which relative picture paths resolve. */
  readonly folder: string
  /** Column names, when the format tells them before the first row (CSV, Parquet) or the first row does. */
  readonly columns: readonly string[]
  /** False when later rows may bring columns that `columns` does not name, as in JSON. */
  readonly hasAllColumns: boolean
  /** True when some column gives the index, so that duplicates are possible. */
  readonly hasIndexColumn: boolean
  /** The source's own schema, when it is Parquet: results in Parquet keep it. */
  readonly parquetSchema?: readonly SchemaElement[] | undefined
  /** Told once when a run begins with these rows: what came through a stream is then kept. */
  keep?(): Promise<void>
  /** Rows in order. Rows before `from` and rows that are not wanted cost as little as the format allows: they are not parsed. */
  rows(options?: RowOptions): AsyncIterable<Row>
  /** Rows in all; one pass at most, remembered. */
  countRows(): Promise<number>
  /** The first few duplicate indexes, in bounded memory; empty when there are none. */
  findDuplicateIndexes(): Promise<number[]>
  /** Hash of the whole source as it is now. */
  fingerprint(): Promise<Fingerprint>
  /** Whether the source still begins with what was fingerprinted: rows appended at the end are no change. */
  startsWith(earlier: Fingerprint): Promise<boolean>
}
