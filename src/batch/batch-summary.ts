import type { Usage } from '../contract/index.ts'
import type { BatchCounts } from './batch-events.ts'
import type { LedgerError } from './ledger-entry.ts'

/** How a run ended. */
export interface BatchSummary extends Readonly<BatchCounts> {
  /** Rows that a later run will work. */
  readonly pending: number
  /** 0: every row is done. 1: some failed, are unknown or pending. */
  readonly exitCode: 0 | 1
  /** Why the run ended before its last row; absent when it did not. */
  readonly endedBy?: LedgerError | undefined
  /** True when `drain` or `signal` ended it. */
  readonly interrupted: boolean
  readonly wallMs: number
  readonly outputDir: string
  readonly ledgerFile: string
  readonly resultsFile?: string | undefined
  readonly contactSheetFile?: string | undefined
  readonly baseSeed: number
  /** Sum of what providers reported, over all runs for the cost and over this run for tokens. */
  readonly usage: Usage
  /** A sentence about what is not done and how to go on, when there is one. */
  readonly advice?: string | undefined
}
