import { readSetting, type Setting } from '../config/setting.ts'
import { type BatchSettings, settingsOf, toCamelCase } from '../config/settings.ts'
import { isBlankCell } from '../datasets/columns.ts'
import type { Row } from '../datasets/dataset.ts'
import { DiffgentorError } from '../errors.ts'

interface ColumnMeaning {
  key: keyof BatchSettings
  setting: Setting<NonNullable<unknown>>
  /** Lower comes first where a row has several columns for one setting. */
  rank: number
}

/** Knows which columns of a data set set what, by the definitions of the settings. */
export class RowSettings {
  readonly #meanings = new Map<string, ColumnMeaning>()
  /** Columns met so far; undefined: carried through. */
  readonly #known = new Map<string, ColumnMeaning | undefined>()

  constructor(kind: 't2i' | 'edit') {
    for (const [name, setting] of Object.entries(settingsOf(kind))) {
      for (const [rank, column] of (setting.columns ?? []).entries()) {
        this.#meanings.set(column, { key: toCamelCase(name) as keyof BatchSettings, setting, rank })
      }
    }
  }

  /** What a row sets by itself. Throws `invalid_row` naming the place and the column. */
  read(row: Row): Partial<BatchSettings> {
    const values: Record<string, unknown> = {}
    const ranks: Record<string, number> = {}
    for (const column of Object.keys(row.values)) {
      const meaning = this.#meaningOf(column)
      if (!meaning) continue
      const { key, setting, rank } = meaning
      const value = row.values[column]
      if (isBlankCell(value) || (ranks[key] ?? Number.POSITIVE_INFINITY) <= rank) continue
      const read = this.#readCell(setting, value, row, column)
      if (read === undefined) continue
      values[key] = read
      ranks[key] = rank
    }
    return values
  }

  #meaningOf(column: string): ColumnMeaning | undefined {
    if (this.#known.has(column)) return this.#known.get(column)
    const meaning = this.#meanings.get(column.trim().toLowerCase())
    // Rows of JSON may bring ever new columns.
    if (this.#known.size < 10_000) this.#known.set(column, meaning)
    return meaning
  }

  #readCell(setting: Setting<NonNullable<unknown>>, value: unknown, row: Row, column: string): unknown {
    if (setting.sharesColumns) return setting.read(value)
    try {
      return readSetting(setting, value, `Column ${column} of ${row.place}`)
    } catch (error) {
      throw new DiffgentorError('invalid_row', (error as Error).message, { cause: error, field: column })
    }
  }
}
