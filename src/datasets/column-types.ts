import type { BasicType } from 'hyparquet-writer'
import type { Dataset } from './dataset.ts'

/** The Parquet types that columns of text formats get. */
export type ColumnType = Extract<BasicType, 'STRING' | 'INT64' | 'DOUBLE' | 'BOOLEAN' | 'JSON'>

/** All columns of a data set with the narrowest type that holds every cell; one pass over the rows, where the format does not tell by itself. */
export async function surveyColumns(dataset: Dataset, signal?: AbortSignal): Promise<Map<string, ColumnType>> {
  const types = new Map<string, ColumnType | undefined>(dataset.columns.map((column) => [column, undefined]))
  if (!dataset.hasAllColumns) {
    for await (const { values } of dataset.rows({ signal })) {
      for (const [column, cell] of Object.entries(values)) types.set(column, joinTypes(types.get(column), typeOfCell(cell)))
    }
  }
  return new Map([...types].map(([column, type]) => [column, type ?? 'STRING']))
}

function typeOfCell(cell: unknown): ColumnType | undefined {
  if (cell === null || cell === undefined) return undefined
  if (typeof cell === 'number') return Number.isSafeInteger(cell) ? 'INT64' : 'DOUBLE'
  if (typeof cell === 'boolean') return 'BOOLEAN'
  return typeof cell === 'string' ? 'STRING' : 'JSON'
}

function joinTypes(one: ColumnType | undefined, other: ColumnType | undefined): ColumnType | undefined {
  if (one === other || other === undefined) return one
  if (one === undefined) return other
  const isNumeric = (type: ColumnType) => type === 'INT64' || type === 'DOUBLE'
  return isNumeric(one) && isNumeric(other) ? 'DOUBLE' : 'JSON'
}
