import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Dataset, Row } from '../../src/datasets/dataset.ts'
import { type OpenDatasetOptions, openDataset } from '../../src/datasets/open-dataset.ts'

/** A folder for the files of one test file, removed at its end. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

let count = 0

/** Writes content to a fresh file with this ending and opens it. */
export function openContent(
  folder: string,
  ending: string,
  content: string | Uint8Array,
  options: Partial<OpenDatasetOptions> = {},
): Promise<Dataset> {
  count += 1
  const path = join(folder, `input-${count}.${ending}`)
  writeFileSync(path, content)
  return openDataset({ source: path, kind: 't2i', ...options })
}

export async function collect(rows: AsyncIterable<Row>): Promise<Row[]> {
  const collected: Row[] = []
  for await (const row of rows) collected.push(row)
  return collected
}

/** Every row's values, or the error's message. */
export async function readAll(dataset: Dataset, from = 0): Promise<unknown[]> {
  return (await collect(dataset.rows({ from }))).map(({ values, error }) => error?.message ?? values)
}
