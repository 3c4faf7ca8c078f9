import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Fingerprint } from '../datasets/dataset.ts'
import { makeOutputFolder } from '../sinks/make-folder.ts'
import { holdsPictures } from './adopt-files.ts'
import type { BatchOptions } from './batch-options.ts'
import { clearFolder } from './clear-folder.ts'
import { checkResume } from './compare-runs.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { LedgerStore } from './ledger-store.ts'
import { listNeighbors, type RunFiles, runFilesOf } from './run-files.ts'
import { type RunRecord, readRunRecord, recordSettings, shareFirstRecord, writeRunRecord } from './run-record.ts'
import { drawBaseSeed, wrap } from './seeds.ts'

/** A run whose folder is held, whose past is read and whose record is written. */
export interface OpenedRun {
  files: RunFiles
  lock: FolderLock
  ledger: LedgerStore
  record: RunRecord
  /** The file system takes `A.png` and `a.png` for one file. */
  ignoresCase: boolean
  notices: string[]
  /** An earlier run ended without tidying up, so that part files may lie about. */
  mayHaveParts: boolean
}

/** Opens or resumes the run of an output folder that is locked. */
export async function openRun(options: BatchOptions, lock: FolderLock, files: RunFiles): Promise<OpenedRun> {
  const { settings, dataset } = options
  const notices = lock.notice ? [lock.notice] : []
  if (!settings.resume) {
    const removed = clearFolder(files)
    if (removed > 0) notices.push(`Starting over: ${removed} picture(s) that the ledger listed were removed.`)
  }
  const earlier = settings.resume ? readRunRecord(files) : undefined
  const isFresh = !earlier && ![files, ...listNeighbors(files)].some(({ ledger }) => existsSync(ledger))
  const record = await makeRecord(options, earlier, isFresh && settings.resume && holdsPictures(files.folder))
  if (!earlier && settings.numNodes > 1 && settings.seed === undefined) {
    record.base_seed = shareFirstRecord(files, lock.runId, record).base_seed
  }
  if (earlier && !settings.force) await checkResume(earlier, record, dataset, files.folder)
  const ledger = await LedgerStore.open(files, record.dataset.rows, { isAlone: !settings.resume })
  try {
    await dataset.keep?.()
    await writeRunRecord(files.record, lock.runId, record)
  } catch (error) {
    await ledger.close()
    throw error
  }
  notices.push(...ledger.notices)
  const mayHaveParts = lock.notice !== undefined || earlier?.ended_at === undefined
  return { files, lock, ledger, record, ignoresCase: takesNamesForEqual(files.lock), notices, mayHaveParts }
}

async function makeRecord(options: BatchOptions, earlier: RunRecord | undefined, adopts: boolean): Promise<RunRecord> {
  const { settings, backend, kind, version, random = Math.random, clock } = options
  const fingerprint: Fingerprint = await options.dataset.fingerprint()
  const given = settings.seed === undefined ? undefined : wrap(settings.seed)
  return {
    program: 'diffgentor',
    version,
    kind,
    backend: backend.name,
    model: backend.modelId,
    settings: recordSettings(settings),
    dataset: { name: options.dataset.name, rows: fingerprint.rows, bytes: fingerprint.bytes, sha256: fingerprint.sha256 },
    base_seed: given ?? earlier?.base_seed ?? drawBaseSeed(random),
    ...((adopts || earlier?.adopts_files) && { adopts_files: true }),
    started_at: new Date(clock?.now() ?? Date.now()).toISOString(),
  }
}

/** Looks the lock up under capital letters. */
function takesNamesForEqual(lock: string): boolean {
  const other = join(dirname(lock), basename(lock).toUpperCase())
  return statSync(other, { throwIfNoEntry: false }) !== undefined
}

/** Takes the output folder for the settings' shard. */
export function lockOutput(options: BatchOptions): { lock: FolderLock; files: RunFiles } {
  const { outputDir, nodeRank, numNodes } = options.settings
  const files = runFilesOf(makeOutputFolder(outputDir), { nodeRank, numNodes })
  if (numNodes > 1) makeOutputFolder(files.home)
  return { files, lock: lockFolder(files, { nodeRank, numNodes }) }
}
