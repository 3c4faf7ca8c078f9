import { basename } from 'node:path'
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetScan, parquetSchema, type RowGroup } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { DiffgentorError } from '../errors.ts'
import { type ByteSource, openFileSource } from './byte-source.ts'
import type { RowValues } from './record-parser.ts'

/** Uncompressed bytes to decode at once, where less than a row group can be read. */
const WINDOW_BYTES = 8 * 1024 * 1024
/** Without a page index each window reads the group's compressed pages again, so there are no more windows than this. */
const MAX_WINDOWS_WITHOUT_INDEX = 16
/** An empty page may be compressed to something that a decompressor stumbles over. */
const DECOMPRESSORS = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number) => (length === 0 ? new Uint8Array(0) : decompress(input, length)),
  ]),
)

/** Rows `start … end` of a file, decoded together. */
export interface RowWindow {
  start: number
  end: number
}

/** One Parquet file, opened for one pass. */
export interface ParquetFile extends AsyncDisposable {
  readonly name: string
  readonly source: ByteSource
  readonly metadata: FileMetaData
  readonly columns: readonly string[]
  readonly rowCount: number
  /** Row groups, cut smaller where the file allows. */
  readonly windows: readonly RowWindow[]
  /** One column of a window. */
  readColumn(column: string, window: RowWindow): Promise<ArrayLike<unknown>>
  /** All columns of a window, as a function from the row's number in the file to its values. */
  readValues(window: RowWindow): Promise<(row: number) => RowValues>
}

/** Opens a file and reads its footer. Anything that is not whole Parquet is one sentence. */
export async function openParquetFile(path: string): Promise<ParquetFile> {
  const source = await openFileSource(path)
  const name = basename(path)
  try {
    return await readFooter(source, name)
  } catch (error) {
    await source[Symbol.asyncDispose]()
    const reason = error instanceof Error ? error.message.replace(/\.$/, '') : String(error)
    throw new DiffgentorError('invalid_configuration', `${path} is not a readable Parquet file (${reason}); it may be torn.`, {
      cause: error,
    })
  }
}

async function readFooter(source: ByteSource, name: string): Promise<ParquetFile> {
  const file = toAsyncBuffer(source)
  const metadata = await parquetMetadataAsync(file, { geoparquet: false })
  // Images are byte arrays without annotation: decoding those as text would destroy them.
  const scan = await parquetScan({ file, metadata, compressors: DECOMPRESSORS, utf8: false, geoparquet: false })
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name)
  const readColumn = async (column: string, { start, end }: RowWindow): Promise<ArrayLike<unknown>> =>
    columns.includes(column) ? scan.readColumn({ column, rowStart: start, rowEnd: end }) : []
  return {
    name,
    source,
    metadata,
    columns,
    rowCount: Number(metadata.num_rows),
    windows: planWindows(metadata.row_groups),
    readColumn,
    async readValues(window) {
      const cells = await Promise.all(columns.map((column) => readColumn(column, window)))
      return (row) => Object.fromEntries(columns.map((column, at) => [column, toPlainCell(cells[at]?.[row - window.start])]))
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

function toAsyncBuffer(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.size,
    async slice(start, end = source.size) {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, source.size) - start))
      await source.read(bytes, start)
      return bytes.buffer
    },
  }
}

function planWindows(groups: readonly RowGroup[]): RowWindow[] {
  const windows: RowWindow[] = []
  let start = 0
  for (const group of groups) {
    const rows = Number(group.num_rows)
    const step = Math.max(1, Math.ceil(rows / countWindows(group)))
    for (let from = 0; from < rows; from += step) {
      windows.push({ start: start + from, end: start + Math.min(rows, from + step) })
    }
    start += rows
  }
  return windows
}

/** Nested columns without a page index can only be decoded whole. */
function countWindows({ columns, total_byte_size: bytes }: RowGroup): number {
  const wanted = Math.max(1, Math.ceil(Number(bytes) / WINDOW_BYTES))
  if (columns.every(({ offset_index_offset: offset }) => offset !== undefined)) return wanted
  const isFlat = columns.every(({ meta_data: facts }) => facts?.path_in_schema.length === 1)
  return isFlat ? Math.min(wanted, MAX_WINDOWS_WITHOUT_INDEX) : 1
}

/** 64-bit integers become numbers where these are exact, so that a cell means the same in every format. */
function toPlainCell(cell: unknown): unknown {
  return typeof cell === 'bigint' && Number.isSafeInteger(Number(cell)) ? Number(cell) : cell
}
