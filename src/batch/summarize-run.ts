import type { BatchRun } from './batch-run.ts'
import type { BatchSummary } from './batch-summary.ts'
import { toLedgerError } from './ledger-entry.ts'

interface EndFacts {
  startedAt: number
  outputDir: string
  ledgerFile: string
  resultsFile: string | undefined
  contactSheetFile: string | undefined
  baseSeed: number
}

/** Puts the end of a run into figures. */
export function summarizeRun({ counts, control, usage, clock }: BatchRun, facts: EndFacts): BatchSummary {
  const { startedAt, ...places } = facts
  const pending = counts.total - counts.done - counts.skipped - counts.failed - counts.unknown
  const isComplete = counts.failed === 0 && counts.unknown === 0 && pending === 0 && control.endedBy === undefined
  return {
    ...counts,
    ...places,
    pending,
    exitCode: isComplete ? 0 : 1,
    endedBy: control.endedBy && toLedgerError(control.endedBy),
    interrupted: control.isInterrupted,
    wallMs: Math.round(clock.now() - startedAt),
    usage: {
      inputTokens: usage.inputTokens || undefined,
      outputTokens: usage.outputTokens || undefined,
      costUsd: usage.costUsd || undefined,
    },
    advice: adviseNext({ pending, failed: counts.failed, unknown: counts.unknown }),
  }
}

function adviseNext({ pending, failed, unknown }: { pending: number; failed: number; unknown: number }): string | undefined {
  const sentences = [
    unknown > 0 &&
      `${unknown} row(s) were sent to a paid API and not answered; they may have been billed and are sent again only with --retry_ambiguous.`,
    pending > 0 && `${pending} row(s) are pending; the same command goes on with them.`,
    failed > 0 && `${failed} row(s) failed, each with its error in the ledger; --retry_failed runs only them.`,
  ].filter((sentence) => sentence !== false)
  return sentences.length === 0 ? undefined : sentences.join(' ')
}
