import type { BatchCounts, BatchEvent } from '../../../batch/batch-events.ts'
import { runBatch } from '../../../batch/run-batch.ts'
import { VERSION } from '../../../config/version.ts'
import { openDataset } from '../../../datasets/open-dataset.ts'
import { DiffgentorError } from '../../../errors.ts'
import { describeProblem } from '../../http/problem.ts'
import { readBatchSettings } from './batch-fields.ts'
import type { JobRun } from './job-board.ts'
import { QueuedBackend } from './queued-backend.ts'
import type { JobOutcome } from './run-drawing-job.ts'
import { UntrustedDataset } from './untrusted-dataset.ts'

/** Works an uploaded data set row by row through the server's queue, with the same ledger as the command line. */
export async function runBatchJob(run: JobRun): Promise<JobOutcome> {
  const { services, store, record } = run
  const { kind, settings, warnings } = readBatchSettings(services.settings, record.fields, store.outputFolder(record.id))
  const model = services.models.find(record.model)
  await using inner = await openDataset({ source: store.inputPath(record.id, record.inputs[0]!), kind })
  const dataset = new UntrustedDataset(inner, settings)
  const told = new Set(warnings)
  const startedAt = performance.now()
  let counts: Readonly<BatchCounts> | undefined
  const onEvent = (event: BatchEvent) => {
    if (event.type === 'warning') told.add(event.message)
    if (event.type !== 'run-start' && event.type !== 'row-end') return
    counts = event.counts
    run.report(describeProgress(counts, (performance.now() - startedAt) / 1000))
  }
  const summary = await runBatch({
    dataset,
    backend: new QueuedBackend(services, model),
    settings,
    kind,
    version: VERSION,
    drain: run.closing,
    signal: run.signal,
    onEvent,
  })
  run.signal.throwIfAborted()
  if (summary.interrupted) return 'postponed'
  const facts = { warnings: [...told], counts: toJobCounts(summary) }
  if (!summary.endedBy) return { ...facts, state: 'completed' }
  const { message, type, code } = describeProblem(new DiffgentorError(summary.endedBy.code, summary.endedBy.message))
  return { ...facts, state: 'failed', error: { message, type, code } }
}

function describeProgress(counts: Readonly<BatchCounts>, seconds: number) {
  const worked = counts.done + counts.failed + counts.unknown
  const finished = worked + counts.skipped
  const etaSeconds = worked > 0 ? (seconds / worked) * (counts.total - finished) : undefined
  return { share: counts.total > 0 ? finished / counts.total : 0, position: 0, etaSeconds, counts: toJobCounts(counts) }
}

function toJobCounts({ total, done, skipped, failed, unknown, images }: Readonly<BatchCounts>) {
  return { total, done: done + skipped, failed: failed + unknown, images }
}
