import { createHash } from 'node:crypto'
import type { SchemaElement } from 'hyparquet'
import { DiffgentorError } from '../errors.ts'
import type { Dataset, Fingerprint, Row, RowOptions } from './dataset.ts'
import { hashSource } from './hash-source.ts'
import { chooseIndex, findIndexColumn } from './index-column.ts'
import { openParquetFile, type ParquetFile, type RowWindow } from './parquet-file.ts'
import { UNREADABLE } from './record-parser.ts'
import { RepeatedIndexes } from './repeated-indexes.ts'

const MAX_LISTED = 5

interface ParquetDatasetOptions {
  name: string
  folder: string
}

/** One file of the data set, closed between passes so that thousands of parts do not hold thousands of handles. */
interface ParquetPart {
  path: string
  rows: number
  bytes: number
}

/** Opens Parquet files that make up one data set, in the order given. Every footer is read, so that a torn part is found now. */
export async function openParquetDataset(paths: readonly string[], options: ParquetDatasetOptions): Promise<Dataset> {
  const parts: ParquetPart[] = []
  let columns: readonly string[] = []
  let schema: readonly SchemaElement[] = []
  for (const path of paths) {
    await using file = await openParquetFile(path)
    if (parts.length === 0) {
      columns = file.columns
      schema = file.metadata.schema
    }
    parts.push({ path, rows: file.rowCount, bytes: file.source.size })
  }
  if (parts.every(({ rows }) => rows === 0)) {
    throw new DiffgentorError('invalid_configuration', `${options.name} holds no rows.`)
  }
  return new ParquetDataset(parts, columns, schema, options)
}

function unreadable(place: string, cause: Error): DiffgentorError {
  const reason = cause.message.replace(/\.$/, '')
  return new DiffgentorError('invalid_row', `The data around ${place} cannot be decoded (${reason}).`, { cause })
}

class ParquetDataset implements Dataset {
  readonly name: string
  readonly folder: string
  readonly columns: readonly string[]
  readonly hasAllColumns = true
  readonly hasIndexColumn: boolean
  readonly parquetSchema: readonly SchemaElement[]
  readonly #parts: readonly ParquetPart[]
  readonly #indexColumn: string | undefined
  #fingerprint: Promise<Fingerprint> | undefined

  constructor(
    parts: readonly ParquetPart[],
    columns: readonly string[],
    schema: readonly SchemaElement[],
    options: ParquetDatasetOptions,
  ) {
    this.name = options.name
    this.folder = options.folder
    this.columns = columns
    this.parquetSchema = schema
    this.#parts = parts
    this.#indexColumn = findIndexColumn(columns)
    this.hasIndexColumn = this.#indexColumn !== undefined
  }

  async *rows({ from = 0, wants, signal }: RowOptions = {}): AsyncGenerator<Row> {
    let first = 0
    for (const part of this.#parts) {
      if (first + part.rows > from) {
        await using file = await openParquetFile(part.path)
        for (const window of file.windows) {
          signal?.throwIfAborted()
          if (first + window.end > from) yield* this.#readWindow(file, window, first, from, wants)
        }
      }
      first += part.rows
    }
  }

  async *#readWindow(
    file: ParquetFile,
    window: RowWindow,
    first: number,
    from: number,
    wants: RowOptions['wants'],
  ): AsyncGenerator<Row> {
    const wanted: number[] = []
    for (let row = Math.max(window.start, from - first); row < window.end; row += 1) {
      if (!wants || wants(first + row)) wanted.push(row)
    }
    if (wanted.length === 0) return
    const indexes = await this.#readIndexes(file, window, first)
    const read = await file.readValues(window).catch((error: unknown) => error as Error)
    for (const row of wanted) {
      const place = `row ${row} of ${file.name}`
      const where = { position: first + row, index: indexes(row), place }
      yield read instanceof Error ? { ...where, values: {}, error: unreadable(place, read) } : { ...where, values: read(row) }
    }
  }

  /** Each row's index, from the index column alone; when that cannot be decoded, none of the window's rows can. */
  async #readIndexes(file: ParquetFile, window: RowWindow, first: number): Promise<(row: number) => number> {
    const column = this.#indexColumn
    if (column === undefined) return (row) => first + row
    const cells = await file.readColumn(column, window).catch(() => undefined)
    return (row) => chooseIndex(cells ? cells[row - window.start] : UNREADABLE, first + row)
  }

  async countRows(): Promise<number> {
    return this.#parts.reduce((sum, { rows }) => sum + rows, 0)
  }

  async findDuplicateIndexes(): Promise<number[]> {
    if (!this.hasIndexColumn) return []
    const repeated = new RepeatedIndexes()
    await this.#forEachIndex((index) => repeated.add(index))
    if (repeated.needsSecondPass) await this.#forEachIndex((index) => repeated.recount(index))
    return repeated.list(MAX_LISTED)
  }

  async #forEachIndex(visit: (index: number) => void): Promise<void> {
    let first = 0
    for (const part of this.#parts) {
      await using file = await openParquetFile(part.path)
      for (const window of file.windows) {
        const indexes = await this.#readIndexes(file, window, first)
        for (let row = window.start; row < window.end; row += 1) visit(indexes(row))
      }
      first += part.rows
    }
  }

  async fingerprint(): Promise<Fingerprint> {
    this.#fingerprint ??= this.#hashParts(this.#parts.length)
    return this.#fingerprint
  }

  /** Files appended after those of then are no change; a file that grew is. */
  async startsWith(earlier: Fingerprint): Promise<boolean> {
    let bytes = 0
    const count = this.#parts.findIndex((part) => {
      bytes += part.bytes
      return bytes >= earlier.bytes
    })
    if (count < 0 || bytes !== earlier.bytes) return false
    const isWhole = count + 1 === this.#parts.length
    const present = await (isWhole ? this.fingerprint() : this.#hashParts(count + 1))
    return present.sha256 === earlier.sha256
  }

  async #hashParts(count: number): Promise<Fingerprint> {
    const hash = createHash('sha256')
    const parts = this.#parts.slice(0, count)
    for (const { path } of parts) {
      await using file = await openParquetFile(path)
      await hashSource(file.source, hash)
    }
    const sum = (of: (part: ParquetPart) => number) => parts.reduce((total, part) => total + of(part), 0)
    return { rows: sum((part) => part.rows), bytes: sum((part) => part.bytes), sha256: hash.digest('hex') }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
