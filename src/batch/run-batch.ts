import { setMaxListeners } from 'node:events'
import { isProcessAlive } from '../process-identity.ts'
import { type PartOwner, sweepPartFiles } from '../sinks/part-files.ts'
import type { BatchEvent } from './batch-events.ts'
import type { BatchOptions } from './batch-options.ts'
import type { BatchRun } from './batch-run.ts'
import type { BatchSummary } from './batch-summary.ts'
import { checkRun } from './check-run.ts'
import { finishRun } from './finish-run.ts'
import { InFlight } from './in-flight.ts'
import { NameClaims } from './name-claims.ts'
import { lockOutput, type OpenedRun, openRun } from './open-run.ts'
import { namesOutputs, RowPlanner } from './plan-row.ts'
import { RowPump } from './pump-rows.ts'
import { RowWorker } from './row-worker.ts'
import { openRunLog } from './run-log.ts'
import { startRun } from './start-run.ts'
import { verifyFiles } from './verify-files.ts'

/**
 * Works the rows of a data set through a backend into an output folder, and goes on where an earlier run stopped. Rejects when
 * nothing could be started (usage, lock, resume with other settings) or this program failed; what ends a run early is told in the summary.
 */
export async function runBatch(options: BatchOptions): Promise<BatchSummary> {
  const check = await checkRun(options)
  const { lock, files } = lockOutput(options)
  using _ = lock
  const opened = await openRun(options, lock, files)
  using log = openRunLog(files, lock.runId, opened.record.started_at, options.settings)
  const emit = (event: BatchEvent) => {
    log.write(event)
    options.onEvent?.(event)
  }
  const run = startRun(options, opened, check, emit)
  try {
    await workRows(options, opened, run)
    return await finishRun(options, opened, run, check)
  } finally {
    run.control.release()
    await opened.ledger.close()
  }
}

/** Takes up all rows of the list; meanwhile looks after what earlier runs left. */
async function workRows(options: BatchOptions, opened: OpenedRun, run: BatchRun): Promise<void> {
  const { dataset, settings, kind, backend } = options
  const { files, lock, record, ledger } = opened
  const sharedSlots = run.slots.limit
  const takesNames = namesOutputs(settings, dataset)
  const facts = { kind, settings, baseSeed: record.base_seed, sizes: backend.capabilities.sizes, takesNames }
  const planner = new RowPlanner(facts)
  const pump = new RowPump({
    run,
    dataset,
    planner,
    worker: new RowWorker(run),
    inFlight: new InFlight(2 * sharedSlots),
    claims: takesNames ? new NameClaims({ ignoresCase: opened.ignoresCase }) : undefined,
    adoptFrom: record.adopts_files ? files.folder : undefined,
  })
  setMaxListeners(0, run.control.draining, run.control.stopping)
  // What is read from stdin before the folder is locked bears a process number.
  const isLiving = ({ id, number }: PartOwner) =>
    lock.livingRuns.has(id) || (id.startsWith('stdin') && isProcessAlive(number, undefined))
  const sweeping = opened.mayHaveParts ? sweepPartFiles(files.folder, isLiving, run.control.draining) : undefined
  const looking = settings.retryFailed ? Promise.resolve(0) : reopenMissing(run, ledger, files.folder)
  await Promise.all([pump.pass(true), looking, sweeping])
  const missing = await looking
  if (missing === 0) return
  run.emit({ type: 'notice', message: `${missing} row(s) whose pictures are gone or changed are drawn again.` })
  await pump.pass(false)
}

/** Puts finished rows whose files are missing back on the list; returns how many. */
async function reopenMissing(run: BatchRun, ledger: BatchRun['ledger'], folder: string): Promise<number> {
  let missing = 0
  const onMissing = (position: number) => {
    ledger.states.forget(position)
    ledger.states.plan(position)
    run.counts.skipped--
    missing++
  }
  await verifyFiles({ ledger, folder, signal: run.control.draining, onMissing })
  return missing
}
