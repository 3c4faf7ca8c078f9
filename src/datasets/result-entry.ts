import type { Row } from './dataset.ts'
import type { RowValues } from './record-parser.ts'

/** What became of one row. */
export interface ResultEntry {
  /** The row's pictures, as paths that stand for themselves in the table. */
  images: readonly string[]
  /** The instruction or prompt that was sent in place of the row's own. */
  enhanced?: string | undefined
  /** Why the row has no pictures, in one sentence. */
  error?: string | undefined
}

/** Tells what became of a row; undefined leaves the row out of the table. Asked in data set order. */
export type LookUpResult = (row: Row) => ResultEntry | undefined | Promise<ResultEntry | undefined>

/** Columns that the results add; data set columns of the same names (an earlier table of results) give way. */
export const RESULT_COLUMNS = ['output_image', 'instruction_enhanced', 'error'] as const

/** A row of the results: the data set's columns unchanged, then ours. */
export function toResultValues(row: Row, entry: ResultEntry): RowValues {
  const [first] = entry.images
  return {
    ...row.values,
    output_image: entry.images.length > 1 ? joinImages(entry.images) : (first ?? null),
    instruction_enhanced: entry.enhanced ?? null,
    error: entry.error ?? null,
  }
}

/** Several pictures in one cell: joined by `|`, or as a JSON array where a name holds a bar itself. Both forms are read back as an `image` cell. */
function joinImages(images: readonly string[]): string {
  return images.some((image) => image.includes('|')) ? JSON.stringify(images) : images.join('|')
}
