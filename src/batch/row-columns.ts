import type { BatchSettings } from '../config/settings.ts'
import { isBlank } from './row-settings.ts'

/** Columns that may hold a row's prompt or instruction, the first that is filled counts. */
export function promptColumns(kind: 't2i' | 'edit', { instructionKey }: BatchSettings): string[] {
  if (kind === 't2i') return ['prompt', 'text', 'caption']
  return [...new Set([instructionKey, 'instruction', 'edit_instruction', 'prompt'])]
}

/** Columns that may name a row's output. */
export function nameColumns({ outputNameColumn }: BatchSettings): string[] {
  return outputNameColumn === undefined ? ['output_name'] : [outputNameColumn]
}

/** The first filled cell among some columns. Names are matched exactly, then without regard to case and blanks around them. */
export function findCell(values: Readonly<Record<string, unknown>>, columns: readonly string[]): unknown {
  for (const column of columns) {
    if (!isBlank(values[column])) return values[column]
  }
  const names = Object.keys(values)
  for (const column of columns) {
    const loose = names.find((name) => name.trim().toLowerCase() === column.toLowerCase() && !isBlank(values[name]))
    if (loose !== undefined) return values[loose]
  }
  return undefined
}
