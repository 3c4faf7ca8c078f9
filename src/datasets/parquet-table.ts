import { open } from 'node:fs/promises'
import type { SchemaElement } from 'hyparquet'
import { fileWriter, parquetWriteRows } from 'hyparquet-writer'
import { toCellText } from './cell-text.ts'
import type { ColumnType } from './column-types.ts'
import type { RowValues } from './record-parser.ts'
import { RESULT_COLUMNS } from './result-entry.ts'

/** Rows held at once. Rows with embedded pictures are a thousand times larger than others. */
const GROUP_ROWS = 10_000
const GROUP_ROWS_WITH_BYTES = 100

/** Writes rows as Parquet under types found by a survey, and flushes the file to the disk. */
export async function writeTypedParquet(
  path: string,
  types: ReadonlyMap<string, ColumnType>,
  rows: AsyncIterable<RowValues>,
): Promise<void> {
  const columns = [...types].map(([name, type]) => ({ name, type }))
  const convert = (values: RowValues) =>
    Object.fromEntries(columns.map(({ name, type }) => [name, toTypedCell(values[name], type)]))
  await parquetWriteRows({ writer: fileWriter(path), columns, rows: mapRows(rows, convert), rowGroupSize: GROUP_ROWS })
  await flush(path)
}

function toTypedCell(cell: unknown, type: ColumnType): unknown {
  if (cell === null || cell === undefined) return null
  if (type === 'INT64') return BigInt(cell as number)
  return type === 'STRING' ? toCellText(cell) : cell
}

/** Writes rows under the schema of the Parquet files that they came from, our columns added. */
export async function writeParquetLike(
  path: string,
  sourceSchema: readonly SchemaElement[],
  rows: AsyncIterable<RowValues>,
): Promise<void> {
  const kept = splitColumns(sourceSchema).filter(([top]) => !(RESULT_COLUMNS as readonly string[]).includes(top!.name))
  const added = RESULT_COLUMNS.map((name): SchemaElement[] => [
    { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  ])
  const columns = [...kept, ...added]
  const schema = [{ ...sourceSchema[0]!, num_children: columns.length }, ...columns.flat()]
  const integers = columns.filter(isInteger64).map(([top]) => top!.name)
  const hasBytes = schema.some((element) => element.type === 'BYTE_ARRAY' && !element.converted_type && !element.logical_type)
  await parquetWriteRows({
    writer: fileWriter(path),
    columns: columns.map(([top]) => ({ name: top!.name })),
    schema,
    rows: mapRows(rows, (values) => ({ ...values, ...toIntegers(values, integers) })),
    rowGroupSize: hasBytes ? GROUP_ROWS_WITH_BYTES : GROUP_ROWS,
  })
  await flush(path)
}

/** The elements of each top-level column, its nested ones included: a schema is a tree in prefix order. */
function splitColumns(schema: readonly SchemaElement[]): SchemaElement[][] {
  const columns: SchemaElement[][] = []
  for (let at = 1; at < schema.length; ) {
    let end = at
    for (let open = 1; open > 0; end += 1) open += (schema[end]?.num_children ?? 0) - 1
    const [top, ...nested] = schema.slice(at, end).map(toWritable)
    // Rows that could not be read have no values.
    columns.push([top!.repetition_type === 'REQUIRED' ? { ...top!, repetition_type: 'OPTIONAL' } : top!, ...nested])
    at = end
  }
  return columns
}

/** INT96 is the time stamp of old writers. The logical integer type is written so that Arrow cannot read it; the older name says the same. */
function toWritable(element: SchemaElement): SchemaElement {
  const { type, logical_type: logical, ...rest } = element
  if (type === 'INT96') return { ...rest, type: 'INT64', converted_type: 'TIMESTAMP_MICROS' }
  if (logical?.type !== 'INTEGER') return element
  const converted = `${logical.isSigned ? 'INT' : 'UINT'}_${logical.bitWidth}` as NonNullable<SchemaElement['converted_type']>
  return { ...rest, ...(type && { type }), converted_type: converted }
}

function isInteger64([top]: SchemaElement[]): boolean {
  return top?.type === 'INT64' && top.converted_type !== 'DECIMAL'
}

function toIntegers(values: RowValues, columns: readonly string[]): RowValues {
  const cells = columns.filter((column) => typeof values[column] === 'number')
  return Object.fromEntries(cells.map((column) => [column, BigInt(values[column] as number)]))
}

async function* mapRows(rows: AsyncIterable<RowValues>, convert: (values: RowValues) => RowValues): AsyncGenerator<RowValues> {
  for await (const values of rows) yield convert(values)
}

/** The writer closes the file without waiting for the disk. */
async function flush(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  await file.datasync()
}
