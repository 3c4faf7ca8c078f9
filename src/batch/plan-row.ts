import { BATCH_SETTINGS, type BatchSettings } from '../config/settings.ts'
import type { Size, SizeRule } from '../contract/index.ts'
import { COLUMN_NAMES, isBlankCell, readColumn } from '../datasets/columns.ts'
import type { Dataset, Row } from '../datasets/dataset.ts'
import { DiffgentorError } from '../errors.ts'
import { nameOutputs } from './output-names.ts'
import { RowSettings } from './row-settings.ts'
import { rowSeeds } from './seeds.ts'

/** What a row asks for, before its pictures are loaded. */
export interface RowPlan {
  row: Row
  prompt: string
  /** The run's settings with the row's columns put over them. */
  settings: BatchSettings
  /** What the row's own columns set. */
  own: Partial<BatchSettings>
  numImages: number
  seeds: readonly number[]
  /** Names of the pictures inside the output folder, one for each. */
  names: readonly string[]
  /** Absent: the backend decides. */
  size: Size | undefined
}

/** What all rows of a run have in common. */
export interface PlanFacts {
  kind: 't2i' | 'edit'
  settings: BatchSettings
  baseSeed: number
  sizes: SizeRule | undefined
  /** False: no column names outputs, and a row that does so all the same is refused. Default true. */
  takesNames?: boolean | undefined
}

/** Makes plans of rows. */
export class RowPlanner {
  readonly #facts: PlanFacts
  readonly #rowSettings: RowSettings
  readonly #promptColumns: readonly string[]
  readonly #nameColumns: readonly string[]

  constructor(facts: PlanFacts) {
    this.#facts = facts
    this.#rowSettings = new RowSettings(facts.kind)
    this.#promptColumns = promptColumns(facts)
    this.#nameColumns = nameColumns(facts.settings)
  }

  /** Throws an error that belongs to this row alone: `invalid_row` or `invalid_output_name`. */
  plan(row: Row): RowPlan {
    if (row.error) throw row.error
    const own = this.#rowSettings.read(row)
    const settings = { ...this.#facts.settings, ...own }
    const numImages = settings.numImagesPerPrompt
    return {
      row,
      prompt: this.#readPrompt(row),
      settings,
      own,
      numImages,
      seeds: rowSeeds(this.#facts.baseSeed, row.index, numImages, own.seed),
      names: this.#nameRow(row, numImages),
      size: this.#chooseSize(own, row),
    }
  }

  #nameRow(row: Row, numImages: number): string[] {
    const name = readColumn(row.values, this.#nameColumns)
    if (this.#facts.takesNames === false && !isBlankCell(name)) {
      throw new DiffgentorError(
        'invalid_row',
        `The row at ${row.place} has an output_name and the first row has none; add --output_name_column output_name.`,
        { field: 'output_name' },
      )
    }
    const format = this.#facts.settings.outputFormat
    return nameOutputs({ index: row.index, numImages, name: isBlankCell(name) ? undefined : String(name), format })
  }

  #readPrompt(row: Row): string {
    const cell = readColumn(row.values, this.#promptColumns)
    if (!isBlankCell(cell)) return typeof cell === 'string' ? cell : JSON.stringify(cell)
    const { kind, settings } = this.#facts
    if (kind === 'edit' && !isBlankCell(settings.instruction)) return settings.instruction!
    const field = kind === 'edit' ? 'instruction' : 'prompt'
    throw new DiffgentorError(
      'invalid_row',
      `The row at ${row.place} has no ${field}; fill in one of: ${this.#promptColumns.join(', ')}.`,
      {
        field,
      },
    )
  }

  /** The row's width, height and size go over the run's; one side alone takes the other from the model's default. */
  #chooseSize(own: Partial<BatchSettings>, row: Row): Size | undefined {
    const { settings, sizes } = this.#facts
    const width = own.width ?? own.size?.width ?? settings.width ?? settings.size?.width
    const height = own.height ?? own.size?.height ?? settings.height ?? settings.size?.height
    if (width === undefined && height === undefined) return undefined
    const byDefault = sizes?.default
    if ((width === undefined || height === undefined) && !byDefault) {
      const [given, missing] = width === undefined ? ['height', 'width'] : ['width', 'height']
      throw new DiffgentorError('invalid_row', `The row at ${row.place} has a ${given} and no ${missing}; give both.`, {
        field: missing,
      })
    }
    return { width: width ?? byDefault!.width, height: height ?? byDefault!.height }
  }
}

/** Columns that may hold a row's prompt or instruction; the first that is filled counts. */
export function promptColumns({ kind, settings }: Pick<PlanFacts, 'kind' | 'settings'>): string[] {
  if (kind === 't2i') return [...COLUMN_NAMES.prompt]
  if (settings.instructionKey !== BATCH_SETTINGS.instruction_key.default) return [settings.instructionKey]
  return [...COLUMN_NAMES.instruction, 'prompt']
}

/** Whether rows name their outputs, by a column that was asked for or that the first row has. */
export function namesOutputs(settings: BatchSettings, { columns }: Pick<Dataset, 'columns'>): boolean {
  const names = nameColumns(settings)
  return settings.outputNameColumn !== undefined || columns.some((column) => names.includes(column.trim().toLowerCase()))
}

/** Columns that may name a row's output. */
function nameColumns({ outputNameColumn }: BatchSettings): string[] {
  return outputNameColumn === undefined ? ['output_name'] : [outputNameColumn]
}
