import type { BatchSettings } from '../config/settings.ts'
import { announceSafetyChecker } from '../config/value-forms.ts'
import type { Fetcher } from '../fetching/fetcher.ts'
import { FolderSink } from '../sinks/folder-sink.ts'
import type { BatchEvent } from './batch-events.ts'
import type { BatchOptions } from './batch-options.ts'
import type { BatchRun } from './batch-run.ts'
import type { CheckedRun } from './check-run.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import { DrawSlots } from './draw-slots.ts'
import { FaultGuard } from './fault-guard.ts'
import { makeSourceLoader } from './load-sources.ts'
import type { OpenedRun } from './open-run.ts'
import { planRows } from './plan-rows.ts'
import { choosePolicy } from './retry.ts'
import { RunControl } from './run-control.ts'

/** Puts together what the rows of a run share, makes the list of rows and tells that the run begins. */
export function startRun(
  options: BatchOptions,
  { files, lock, ledger, record, notices }: OpenedRun,
  check: CheckedRun,
  emit: (event: BatchEvent) => void,
): BatchRun {
  const { backend, settings, dataset, kind, clock = SYSTEM_CLOCK, drain, signal } = options
  const control = new RunControl({ drain, signal, clock })
  const counts = planRows(ledger.states, check.isSelected, settings, backend.capabilities.paid)
  options.gate?.begin?.(ledger.spentUsd)
  const run: BatchRun = {
    backend,
    settings,
    version: options.version,
    ledger,
    sink: new FolderSink(files.folder, lock.runId),
    sources: makeSourceLoader({ kind, settings, backend, folder: dataset.folder, fetcher: openFetcher(settings) }),
    policy: choosePolicy(backend, settings),
    slots: new DrawSlots(chooseConcurrency(options)),
    guard: makeGuard(options, control, emit),
    control,
    gate: options.gate,
    enhancePrompt: options.enhancePrompt,
    clock,
    random: options.random ?? Math.random,
    counts,
    usage: { inputTokens: 0, outputTokens: 0, costUsd: ledger.spentUsd },
    emit,
    warn: warnOnce(emit),
  }
  emit({ type: 'run-start', counts, baseSeed: record.base_seed, outputDir: files.folder })
  const watched = announceSafetyChecker(settings.safetyChecker)
  for (const message of watched === undefined ? notices : [...notices, watched]) emit({ type: 'notice', message })
  for (const { detail } of backend.openingWarnings ?? []) run.warn(detail)
  return run
}

/** Loads the code that fetches with the first address: most runs have none. */
function openFetcher({ imageCacheDir, cacheLimit, allowPrivateUrls }: BatchSettings): Fetcher {
  let opened: Promise<Fetcher> | undefined
  const open = async () => {
    const { createFetcher } = await import('../fetching/fetcher.ts')
    return createFetcher({ cacheFolder: imageCacheDir, cacheLimitBytes: cacheLimit * 1e9, allowPrivate: allowPrivateUrls })
  }
  return {
    fetchPicture: async (url, signal) => {
      opened ??= open()
      return await (await opened).fetchPicture(url, signal)
    },
  }
}

/** Local workers hold `batch_size` rows each, so that one never waits for the next; hosted models have as many requests in flight as allowed. */
function chooseConcurrency({ backend, settings }: BatchOptions): number {
  const { concurrency, paid } = backend.capabilities
  return paid ? Math.max(1, Math.min(concurrency, settings.maxGlobalWorkers ?? concurrency)) : concurrency * settings.batchSize
}

function makeGuard(
  { backend, clock = SYSTEM_CLOCK }: BatchOptions,
  control: RunControl,
  emit: (event: BatchEvent) => void,
): FaultGuard {
  return new FaultGuard({
    pause: (ms) => clock.wait(ms, control.draining).catch(() => undefined),
    restart: async () => await backend.restart?.(),
    notify: (message) => emit({ type: 'notice', message }),
    isEnding: () => control.draining.aborted,
    end: (reason) => control.end(reason),
  })
}

function warnOnce(emit: (event: BatchEvent) => void): (sentence: string) => void {
  const told = new Set<string>()
  return (message) => {
    // Rows may bring sentences without end; the first thousand say enough.
    if (told.has(message) || told.size >= 1000) return
    told.add(message)
    emit({ type: 'warning', message })
  }
}
