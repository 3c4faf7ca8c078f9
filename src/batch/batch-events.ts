import type { Progress } from '../contract/index.ts'
import type { BatchSummary } from './batch-summary.ts'
import type { LedgerEntry, LedgerError } from './ledger-entry.ts'

/** Rows by what became of them. */
export interface BatchCounts {
  /** Rows of this run's share of the data set. */
  total: number
  /** Finished by this run, suspects included. */
  done: number
  /** Finished by an earlier run. */
  skipped: number
  /** Failed for good, in this run or in an earlier one whose failures are not tried again. Poison counts here. */
  failed: number
  /** Sent to a paid API without an answer; may have been billed. */
  unknown: number
  /** Of those done: kept although they look wrong. */
  suspect: number
  /** Pictures written by this run. */
  images: number
}

/** What a run tells while it works. `counts` is the live object, not a copy. */
export type BatchEvent =
  | { type: 'run-start'; counts: Readonly<BatchCounts>; baseSeed: number; outputDir: string }
  | { type: 'row-start'; index: number; position: number }
  | { type: 'row-progress'; index: number; progress: Progress }
  /** An attempt failed and another follows after a pause. */
  | { type: 'row-retry'; index: number; attempt: number; error: LedgerError; waitMs: number }
  /** A row reached its end; `entry` is what the ledger holds. */
  | { type: 'row-end'; entry: LedgerEntry; counts: Readonly<BatchCounts> }
  /** Something could not be honored, told once for each sentence. */
  | { type: 'warning'; message: string }
  /** Something worth knowing, such as a stale lock taken over. */
  | { type: 'notice'; message: string }
  | { type: 'run-end'; summary: BatchSummary }
