import { readColumn } from '../datasets/columns.ts'
import { toDiffgentorError } from '../errors.ts'
import type { BatchOptions } from './batch-options.ts'
import type { BatchRun } from './batch-run.ts'
import type { BatchSummary } from './batch-summary.ts'
import type { CheckedRun } from './check-run.ts'
import type { OpenedRun } from './open-run.ts'
import { promptColumns } from './plan-row.ts'
import { writeRunRecord } from './run-record.ts'
import { summarizeRun } from './summarize-run.ts'
import { writeResultsTable, writeSheet } from './write-tables.ts'

/** Ends a run: results, contact sheet, record and summary. After a hard stop only the record is written; the next run does the rest. */
export async function finishRun(
  options: BatchOptions,
  opened: OpenedRun,
  run: BatchRun,
  check: CheckedRun,
): Promise<BatchSummary> {
  const { kind, settings, dataset } = options
  const { files, lock, ledger, record } = opened
  await run.guard.flush()
  const facts = { dataset, ledger, folder: files.folder, runId: lock.runId }
  const resultsFile = check.resultsPath === 'default' ? files.results : check.resultsPath
  const isStopped = run.control.stopping.aborted
  if (resultsFile && !isStopped) await writeOrEnd(run, () => writeResultsTable(resultsFile, facts))
  const columns = promptColumns({ kind, settings })
  const promptOf = (row: { values: Readonly<Record<string, unknown>> }) =>
    String(readColumn(row.values, columns) ?? settings.instruction ?? '')
  const contactSheetFile =
    settings.contactSheet && !isStopped ? await writeOrEnd(run, () => writeSheet(facts, files.sheetName, promptOf)) : undefined
  const summary = summarizeRun(run, {
    startedAt: Date.parse(record.started_at),
    outputDir: files.folder,
    ledgerFile: files.ledger,
    resultsFile: isStopped ? undefined : resultsFile,
    contactSheetFile,
    baseSeed: record.base_seed,
  })
  const { total, done, skipped, failed, unknown, suspect, images, pending } = summary
  const counts = { total, done, skipped, failed, unknown, suspect, images, pending }
  await writeOrEnd(run, () =>
    writeRunRecord(files.record, lock.runId, { ...record, ended_at: new Date(run.clock.now()).toISOString(), counts }),
  )
  run.emit({ type: 'run-end', summary })
  return summary
}

/** A full disk at the end ends the run like one in its middle: what is recorded stays. */
async function writeOrEnd<T>(run: BatchRun, write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write()
  } catch (thrown) {
    run.control.end(toDiffgentorError(thrown))
    return undefined
  }
}
