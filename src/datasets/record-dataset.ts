import { DiffgentorError } from '../errors.ts'
import type { ByteSource } from './byte-source.ts'
import type { Dataset, Fingerprint, Row, RowOptions } from './dataset.ts'
import { chooseIndex, findIndexColumn } from './index-column.ts'
import type { TextFormat } from './input-format.ts'
import { type RecordBatch, readBatches } from './record-batches.ts'
import { openFormat, type RecordFormat } from './record-format.ts'
import type { ParsedRecord } from './record-parser.ts'
import { beginsWith, type Checkpoint, type RecordSurvey, surveyRecords } from './record-survey.ts'

/** Rows parsed in one go: enough that csv-parse's cost per call vanishes, few enough that the first row comes at once. */
const PARSED_TOGETHER = 64
/** How many repeated indexes a message can bear. */
const MAX_LISTED = 5

interface RecordDatasetOptions {
  name: string
  folder: string
  format: TextFormat
  /** The column that a bare text fills: `prompt`, or `instruction` for edits. */
  textColumn: string
}

/** Opens text in one of the record formats. The source then belongs to the data set. */
export async function openRecordDataset(source: ByteSource, options: RecordDatasetOptions): Promise<Dataset> {
  const format = await openFormat(source, options.format, options)
  const columns = await readColumns(source, format, options.name)
  return new RecordDataset(source, format, columns, options)
}

/** The columns of the header, else those of the first readable row within the first chunk of the source. */
async function readColumns(source: ByteSource, format: RecordFormat, name: string): Promise<readonly string[]> {
  for await (const { buffer, spans } of readBatches(source, format.layout, { start: format.start, isFirst: true, name })) {
    if (format.columns) return format.columns
    for (let at = 0; at < spans.starts.length; at += 1) {
      const [parsed] = format.parser.parse([buffer.subarray(spans.starts[at], spans.ends[at])])
      if (parsed && 'values' in parsed) return Object.keys(parsed.values)
    }
    return []
  }
  throw new DiffgentorError('invalid_configuration', `${name} holds no rows.`)
}

class RecordDataset implements Dataset {
  readonly name: string
  readonly folder: string
  readonly columns: readonly string[]
  readonly hasAllColumns: boolean
  readonly hasIndexColumn: boolean
  readonly #source: ByteSource
  readonly #format: RecordFormat
  readonly #indexColumn: string | undefined
  #survey: Promise<RecordSurvey> | undefined
  /** Set once the survey is done, so that reading never waits for it. */
  #checkpoints: readonly Checkpoint[] = []

  constructor(source: ByteSource, format: RecordFormat, columns: readonly string[], options: RecordDatasetOptions) {
    this.name = options.name
    this.folder = options.folder
    this.columns = columns
    this.hasAllColumns = format.columns !== undefined
    this.#indexColumn = findIndexColumn(columns)
    this.hasIndexColumn = this.#indexColumn !== undefined
    this.#source = source
    this.#format = format
  }

  async *rows({ from = 0, wants, signal }: RowOptions = {}): AsyncGenerator<Row> {
    const checkpoint = this.#checkpoints.findLast(({ position }) => position <= from)
    const start = checkpoint ?? { ...this.#format.start, position: 0 }
    const options = { start, isFirst: checkpoint === undefined, signal, name: this.name }
    let position = start.position
    for await (const batch of readBatches(this.#source, this.#format.layout, options)) {
      const count = batch.spans.starts.length
      if (position + count > from) {
        // A loop, since delegating to a synchronous generator costs three promises a row.
        for (const row of this.#readBatch(batch, position, from, wants)) yield row
      }
      position += count
    }
  }

  *#readBatch(batch: RecordBatch, firstPosition: number, from: number, wants: RowOptions['wants']): Generator<Row> {
    const count = batch.spans.starts.length
    let chosen: number[] = []
    for (let at = Math.max(0, from - firstPosition); at < count; at += 1) {
      if (wants && !wants(firstPosition + at)) continue
      if (chosen.push(at) < PARSED_TOGETHER) continue
      yield* this.#parseRows(batch, chosen, firstPosition)
      chosen = []
    }
    yield* this.#parseRows(batch, chosen, firstPosition)
  }

  *#parseRows(batch: RecordBatch, chosen: readonly number[], firstPosition: number): Generator<Row> {
    if (chosen.length === 0) return
    const parsed = this.#format.parser.parse(chosen.map((at) => sliceRecord(batch, at)))
    for (const [nth, at] of chosen.entries()) {
      yield this.#toRow(parsed[nth]!, batch, at, firstPosition + at)
    }
  }

  #toRow(parsed: ParsedRecord, batch: RecordBatch, at: number, position: number): Row {
    const place = this.#format.placeBy === 'line' ? `line ${batch.spans.lines[at]}` : `row ${position}`
    if ('values' in parsed) {
      const index = this.#indexColumn === undefined ? position : chooseIndex(parsed.values[this.#indexColumn], position)
      return { position, index, values: parsed.values, place }
    }
    const where = `${place.charAt(0).toUpperCase()}${place.slice(1)}`
    const error = new DiffgentorError('invalid_row', `${where} of ${this.name} ${parsed.fault}.`)
    return { position, index: this.#readIndex(batch, at, position), values: {}, place, error }
  }

  #readIndex(batch: RecordBatch, at: number, position: number): number {
    if (this.#indexColumn === undefined) return position
    return chooseIndex(this.#format.parser.readCell(sliceRecord(batch, at), this.#indexColumn), position)
  }

  async countRows(): Promise<number> {
    return (await this.#takeSurvey()).fingerprint.rows
  }

  async fingerprint(): Promise<Fingerprint> {
    return (await this.#takeSurvey()).fingerprint
  }

  async startsWith(earlier: Fingerprint): Promise<boolean> {
    const present = await this.fingerprint()
    if (earlier.bytes === present.bytes) return earlier.sha256 === present.sha256
    return beginsWith(this.#source, this.#format, earlier)
  }

  async findDuplicateIndexes(): Promise<number[]> {
    if (!this.hasIndexColumn) return []
    const { repeated } = await this.#takeSurvey()
    if (repeated.needsSecondPass) {
      const options = { start: this.#format.start, isFirst: true, name: this.name }
      let position = 0
      for await (const batch of readBatches(this.#source, this.#format.layout, options)) {
        for (let at = 0; at < batch.spans.starts.length; at += 1, position += 1) {
          repeated.recount(this.#readIndex(batch, at, position))
        }
      }
    }
    return repeated.list(MAX_LISTED)
  }

  #takeSurvey(): Promise<RecordSurvey> {
    this.#survey ??= this.#makeSurvey()
    return this.#survey
  }

  async #makeSurvey(): Promise<RecordSurvey> {
    const survey = await surveyRecords(this.#source, this.#format, { name: this.name, indexColumn: this.#indexColumn })
    this.#checkpoints = survey.checkpoints
    return survey
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]()
  }
}

function sliceRecord({ buffer, spans }: RecordBatch, at: number): Buffer {
  return buffer.subarray(spans.starts[at], spans.ends[at])
}
