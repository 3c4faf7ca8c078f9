import { BATCH_SETTINGS, type BatchSettings } from '../../../config/settings.ts'
import { isBlankCell, readColumn, readImageCells } from '../../../datasets/columns.ts'
import type { Dataset, Fingerprint, Row } from '../../../datasets/dataset.ts'
import { parseImageCell } from '../../../datasets/image-cell.ts'
import { DiffgentorError, toDiffgentorError } from '../../../errors.ts'

/** Columns that name files of this machine. */
const FILE_COLUMNS = (['lora', 'embedding', 'controlnet', 'control_image', 'vae', 'refiner', 'upscale'] as const).flatMap(
  (name) => BATCH_SETTINGS[name].columns ?? [],
)

/** A data set that a caller sent: rows that name files of this machine fail instead of reading them. */
export class UntrustedDataset implements Dataset {
  readonly #inner: Dataset
  readonly #settings: Pick<BatchSettings, 'imageKey' | 'maskKey'>

  constructor(inner: Dataset, settings: Pick<BatchSettings, 'imageKey' | 'maskKey'>) {
    this.#inner = inner
    this.#settings = settings
  }

  get name(): string {
    return 'the uploaded file'
  }

  get folder(): string {
    return this.#inner.folder
  }

  get columns(): readonly string[] {
    return this.#inner.columns
  }

  get hasAllColumns(): boolean {
    return this.#inner.hasAllColumns
  }

  get hasIndexColumn(): boolean {
    return this.#inner.hasIndexColumn
  }

  async *rows(options?: { from?: number; signal?: AbortSignal }): AsyncIterable<Row> {
    for await (const row of this.#inner.rows(options)) yield this.#check(row)
  }

  async countRows(): Promise<number> {
    return await this.#inner.countRows()
  }

  async findDuplicateIndexes(): Promise<number[]> {
    return await this.#inner.findDuplicateIndexes()
  }

  async fingerprint(): Promise<Fingerprint> {
    return await this.#inner.fingerprint()
  }

  async startsWith(earlier: Fingerprint): Promise<boolean> {
    return await this.#inner.startsWith(earlier)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }

  #check(row: Row): Row {
    if (row.error) return row
    try {
      this.#refuseFiles(row)
      return row
    } catch (thrown) {
      return { ...row, values: {}, error: toDiffgentorError(thrown) }
    }
  }

  #refuseFiles({ values, place }: Row): void {
    const named = FILE_COLUMNS.find((column) => !isBlankCell(readColumn(values, [column])))
    if (named) throw refuse(`The row at ${place} may not set ${named}: uploaded rows name no files of the server.`)
    for (const column of ['scheduler_config', 'extra']) {
      const record = readColumn(values, [column])
      if (typeof record === 'string' && record.trim().endsWith('.json')) {
        throw refuse(`The row at ${place} may give ${column} as JSON or as key=value, not as a file.`)
      }
    }
    const mask = readColumn(values, [this.#settings.maskKey])
    const adapter = readColumn(values, ['ip_adapter_image'])
    const single = [mask, adapter].filter((cell) => cell !== undefined)
    const cells = [...readImageCells(values, this.#settings.imageKey), ...single]
    const paths = cells.flatMap((cell) => parseImageCell(cell, this.folder)).filter(({ kind }) => kind === 'path')
    if (paths.length > 0) {
      throw refuse(`The row at ${place} names a file; uploaded rows hold pictures themselves or as http(s) and data URLs.`)
    }
  }
}

function refuse(sentence: string): DiffgentorError {
  return new DiffgentorError('invalid_row', sentence)
}
