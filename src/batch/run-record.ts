import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BATCH_SETTINGS, type BatchSettings, type SettingTable, toCamelCase } from '../config/settings.ts'
import type { Fingerprint } from '../datasets/dataset.ts'
import { DiffgentorError } from '../errors.ts'
import { toDiskError } from '../sinks/disk-errors.ts'
import { PartNames } from '../sinks/part-files.ts'
import { writeDurably } from '../sinks/write-durably.ts'
import { listNeighbors, type RunFiles } from './run-files.ts'

/** What `run.json` holds. */
export interface RunRecord {
  program: string
  version: string
  kind: 't2i' | 'edit'
  backend: string
  model: string
  /** Merged settings by snake_case name; secrets are left out. */
  settings: Readonly<Record<string, unknown>>
  dataset: { name: string } & Fingerprint
  base_seed: number
  /** True while pictures of a folder without a ledger are taken over. */
  adopts_files?: boolean | undefined
  /** ISO 8601. */
  started_at: string
  ended_at?: string | undefined
  counts?: Readonly<Record<string, number>> | undefined
}

/** The settings as a record keeps them: by name, without secrets and what is not set. */
export function recordSettings(settings: BatchSettings): Record<string, unknown> {
  const values = settings as Readonly<Record<string, unknown>>
  const table: SettingTable = BATCH_SETTINGS
  const entries = Object.entries(table)
    .filter(([name, setting]) => !setting.secret && values[toCamelCase(name)] !== undefined)
    .map(([name]) => [name, values[toCamelCase(name)]])
  return Object.fromEntries(entries)
}

/** Reads a run's own record, else that of another shard in the same folder. Throws when it is there and cannot be read. */
export function readRunRecord(files: RunFiles): RunRecord | undefined {
  const found = [files, ...listNeighbors(files)].find(({ record }) => existsSync(record))
  return found && parseRecord(found.record)
}

function parseRecord(path: string): RunRecord {
  try {
    const parsed = JSON.parse(readFileSync(path, 'utf8')) as RunRecord
    if (typeof parsed.base_seed === 'number' && typeof parsed.settings === 'object') return parsed
  } catch (cause) {
    throw unreadable(path, cause)
  }
  throw unreadable(path, undefined)
}

/**
 * Makes the first shard on a folder leave its record for the others: they take its base seed, even when all start at once.
 * Returns the record that was first.
 */
export function shareFirstRecord({ folder }: RunFiles, runId: string, record: RunRecord): RunRecord {
  const path = join(folder, 'run.json')
  const draft = new PartNames(`${runId}s`).beside(path)
  try {
    writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`, { flag: 'wx' })
    linkSync(draft, path)
    return record
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return parseRecord(path)
    throw toDiskError(error, path)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Writes a record, whole or not at all. */
export async function writeRunRecord(path: string, runId: string, record: RunRecord): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(record, null, 2)}\n`)
  await writeDurably(path, new PartNames(`${runId}r`).beside(path), bytes).catch((error: unknown) => {
    throw toDiskError(error, path)
  })
}

function unreadable(path: string, cause: unknown): DiffgentorError {
  return new DiffgentorError(
    'resume_mismatch',
    `${path} cannot be read, so it is not known how its pictures were made; start over with --no_resume, or choose another folder.`,
    { cause },
  )
}
