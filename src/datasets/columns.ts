import { DiffgentorError } from '../errors.ts'
import type { Dataset } from './dataset.ts'
import { INDEX_COLUMNS } from './index-column.ts'
import type { RowValues } from './record-parser.ts'

/** The columns that feed a row besides the settings, each under its names; the first one that is filled counts. */
export const COLUMN_NAMES = {
  index: INDEX_COLUMNS,
  prompt: ['prompt', 'text', 'caption'],
  instruction: ['instruction', 'edit_instruction'],
  image: ['image', 'image_url', 'input_image', 'input_images', 'image_path'],
  mask: ['mask'],
} as const satisfies Record<string, readonly string[]>

export type ColumnRole = keyof typeof COLUMN_NAMES

/** A cell without a value. */
export function isBlankCell(cell: unknown): boolean {
  return cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '') || Number.isNaN(cell)
}

/** The first filled cell under some names: as written, else without regard to case. */
export function readColumn(values: RowValues, names: readonly string[]): unknown {
  for (const name of names) {
    const column = Object.hasOwn(values, name) ? name : findLoosely(Object.keys(values), name)
    if (column !== undefined && !isBlankCell(values[column])) return values[column]
  }
  return undefined
}

/** The cells that name a row's source pictures, in order: the columns given, or the first known one followed by its numbered ones (`image`, `image_2`, …). */
export function readImageCells(values: RowValues, keys: readonly string[] = []): unknown[] {
  const cells = (keys.length > 0 ? keys : findImageColumns(Object.keys(values))).map((name) => readColumn(values, [name]))
  return cells.filter((cell) => !isBlankCell(cell))
}

function findImageColumns(columns: readonly string[]): string[] {
  for (const name of COLUMN_NAMES.image) {
    const numbered = columns
      .map((column) => ({ column, number: numberOf(column.trim().toLowerCase(), name) }))
      .filter(({ number }) => number !== undefined)
      .sort((a, b) => a.number! - b.number!)
    if (numbered.length > 0) return numbered.map(({ column }) => column)
  }
  return []
}

/** 0 for `image` itself, 2 for `image_2`; undefined for another column. */
function numberOf(column: string, name: string): number | undefined {
  if (column === name) return 0
  const match = column.startsWith(`${name}_`) ? /^\d{1,4}$/.exec(column.slice(name.length + 1)) : null
  return match ? Number(match[0]) : undefined
}

/** Throws unless the data set has one of the columns; the sentence names those it has, and what else would do. */
export function requireColumns(dataset: Dataset, names: readonly string[], cure?: string): void {
  const { columns, name } = dataset
  // No row could be read to tell the columns: each row then says what is wrong with it.
  if (columns.length === 0) return
  const found = names.some((wanted) => columns.some((column) => isColumn(column, wanted)))
  if (found) return
  const [first, ...others] = names
  const aliases = others.length > 0 ? ` (or ${others.join(', ')})` : ''
  throw new DiffgentorError(
    'invalid_configuration',
    `${name} has no column ${first}${aliases}; its columns are: ${columns.slice(0, 50).join(', ')}${cure ? `; ${cure}` : ''}.`,
    { field: first },
  )
}

/** Whether a column is the wanted one, or for pictures a numbered one. */
function isColumn(column: string, wanted: string): boolean {
  const name = column.trim().toLowerCase()
  if (name === wanted.toLowerCase()) return true
  return (COLUMN_NAMES.image as readonly string[]).includes(wanted) && numberOf(name, wanted) !== undefined
}

function findLoosely(columns: readonly string[], name: string): string | undefined {
  return columns.find((column) => column.trim().toLowerCase() === name.toLowerCase())
}
