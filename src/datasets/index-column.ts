import { UNREADABLE } from './record-parser.ts'

/** Columns that may give a row's index, the first one present counts. */
export const INDEX_COLUMNS = ['index', 'id'] as const

/** The column that gives the index, if one of them does. */
export function findIndexColumn(columns: readonly string[]): string | undefined {
  for (const name of INDEX_COLUMNS) {
    const column = columns.find((candidate) => candidate.trim().toLowerCase() === name)
    if (column !== undefined) return column
  }
  return undefined
}

/** A cell as an index: a whole number from 0, also written `7.0`. Anything else is undefined, and the row's position counts. */
function toIndex(cell: unknown): number | undefined {
  if (typeof cell === 'string' && !/^\s*\d{1,16}(?:\.0*)?\s*$/.test(cell)) return undefined
  if (typeof cell !== 'string' && typeof cell !== 'number' && typeof cell !== 'bigint') return undefined
  const index = Number(cell)
  return Number.isSafeInteger(index) && index >= 0 ? index : undefined
}

/** The index of a row by its index cell. A row that is too broken to tell gets a number from the far end of the range, so that it never takes a readable row's. */
export function chooseIndex(cell: unknown, position: number): number {
  return cell === UNREADABLE ? Number.MAX_SAFE_INTEGER - position : (toIndex(cell) ?? position)
}
