import { rename, rm } from 'node:fs/promises'
import { extname } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { surveyColumns } from './column-types.ts'
import type { Dataset } from './dataset.ts'
import type { RowValues } from './record-parser.ts'
import { type LookUpResult, RESULT_COLUMNS, toResultValues } from './result-entry.ts'
import { writeCsvTable, writeJsonlTable } from './text-table.ts'

export interface WriteResultsOptions {
  dataset: Dataset
  lookUp: LookUpResult
  /** `.csv`, `.jsonl` or `.parquet`. */
  path: string
  /** The name in the same folder under which the table is written before it is renamed. */
  part: string
  signal?: AbortSignal | undefined
}

interface ResultRows {
  dataset: Dataset
  rows: AsyncIterable<RowValues>
  signal: AbortSignal | undefined
}

type ResultFormat = 'csv' | 'jsonl' | 'parquet'

/** The format that a table's ending tells. Called before a run, so that a wrong ending is not found at its end. */
export function resultFormatOf(path: string): ResultFormat {
  const ending = extname(path).toLowerCase()
  if (ending === '.csv' || ending === '.jsonl' || ending === '.parquet') return ending.slice(1) as ResultFormat
  throw new DiffgentorError('invalid_configuration', `The results table should end in .csv, .jsonl or .parquet, got ${path}.`, {
    field: 'output_csv',
  })
}

/** Writes the table of results in data set order, row by row, and puts it in place of an earlier one at once when it is whole. Rejects with the system's own error when the disk refuses. */
export async function writeResults(options: WriteResultsOptions): Promise<void> {
  const { path, part } = options
  try {
    await writeTable(options)
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

async function writeTable({ dataset, lookUp, path, part, signal }: WriteResultsOptions): Promise<void> {
  const rows = readResults(dataset, lookUp, signal)
  const format = resultFormatOf(path)
  if (format === 'jsonl') return writeJsonlTable(part, rows)
  if (format === 'parquet') return await writeParquetTable(part, { dataset, rows, signal })
  return writeCsvTable(part, [...(await surveyResults(dataset, signal)).keys()], rows)
}

async function writeParquetTable(part: string, { dataset, rows, signal }: ResultRows): Promise<void> {
  const { writeParquetLike, writeTypedParquet } = await import('./parquet-table.ts')
  if (dataset.parquetSchema) return await writeParquetLike(part, dataset.parquetSchema, rows)
  await writeTypedParquet(part, await surveyResults(dataset, signal), rows)
}

/** The data set's columns and their types, then the results' own. */
async function surveyResults(dataset: Dataset, signal: AbortSignal | undefined) {
  const types = await surveyColumns(dataset, signal)
  for (const column of RESULT_COLUMNS) {
    types.delete(column)
    types.set(column, 'STRING')
  }
  return types
}

async function* readResults(dataset: Dataset, lookUp: LookUpResult, signal: AbortSignal | undefined): AsyncGenerator<RowValues> {
  for await (const row of dataset.rows({ signal })) {
    const found = lookUp(row)
    const entry = found instanceof Promise ? await found : found
    if (entry) yield toResultValues(row, entry)
  }
}
