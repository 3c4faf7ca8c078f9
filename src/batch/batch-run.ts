import type { BatchSettings } from '../config/settings.ts'
import type { ImageBackend } from '../contract/index.ts'
import type { FolderSink } from '../sinks/folder-sink.ts'
import type { BatchCounts, BatchEvent } from './batch-events.ts'
import type { EnhancePrompt, RequestGate } from './batch-options.ts'
import type { Clock } from './clock.ts'
import type { DrawSlots } from './draw-slots.ts'
import type { FaultGuard } from './fault-guard.ts'
import type { LedgerStore } from './ledger-store.ts'
import type { RetryPolicy } from './retry.ts'
import type { RunControl } from './run-control.ts'
import type { SourceLoader } from './source-loader.ts'

/** All that the rows of one run share. */
export interface BatchRun {
  readonly backend: ImageBackend
  readonly settings: BatchSettings
  readonly version: string
  readonly ledger: LedgerStore
  readonly sink: FolderSink
  readonly sources: SourceLoader
  readonly policy: RetryPolicy
  readonly slots: DrawSlots
  readonly guard: FaultGuard
  readonly control: RunControl
  readonly gate: RequestGate | undefined
  readonly enhancePrompt: EnhancePrompt | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly counts: BatchCounts
  /** Tokens of this run; the cost spans all runs. */
  readonly usage: { inputTokens: number; outputTokens: number; costUsd: number }
  readonly emit: (event: BatchEvent) => void
  /** Emits a warning the first time that it is given. */
  readonly warn: (sentence: string) => void
}
