import { DiffgentorError } from '../errors.ts'
import type { BatchRun } from './batch-run.ts'
import type { RowDrawing } from './draw-calls.ts'
import { type LedgerEntry, type RowStatus, toLedgerError } from './ledger-entry.ts'

/** One try of a row. */
export interface Attempt {
  /** Counts from 1 in each run. */
  number: number
  startedAt: number
  /** Workers that died under the row in this run. */
  crashes: number
}

interface EntryFacts {
  drawing?: RowDrawing | undefined
  error?: DiffgentorError | undefined
}

/** Writes what became of rows: into the ledger first, then into the counts, then to those who listen. */
export class RowRecorder {
  readonly #run: BatchRun
  /** Failures of earlier runs, which do not count against `--max_failures`. */
  readonly #failedBefore: number

  constructor(run: BatchRun) {
    this.#run = run
    this.#failedBefore = run.counts.failed
  }

  /** Puts a ledger line together. */
  entryOf(
    row: { index: number; position: number },
    status: RowStatus,
    attempt: Attempt,
    { drawing, error }: EntryFacts,
  ): LedgerEntry {
    const isEnhanced = drawing && drawing.request.prompt !== drawing.plan.prompt
    return {
      index: row.index,
      position: row.position,
      status,
      attempt: attempt.number,
      outputs: drawing ? [...drawing.outputs] : [],
      ms: Math.round(this.#run.clock.now() - attempt.startedAt),
      error: error && toLedgerError(error),
      promptEnhanced: isEnhanced ? drawing.request.prompt : undefined,
      note: drawing?.note,
      usage: drawing?.usage,
    }
  }

  /** Writes a line that is not the row's last. */
  async append(entry: LedgerEntry): Promise<void> {
    await this.#run.ledger.append(entry)
  }

  /** Writes a row's last line, counts the row and tells. */
  async finish(entry: LedgerEntry): Promise<void> {
    await this.append(entry)
    this.count(entry)
  }

  /** Counts a row whose last line is written, and tells. */
  count(entry: LedgerEntry): void {
    const { counts, emit } = this.#run
    switch (entry.status) {
      case 'done':
      case 'suspect':
        counts.done++
        counts.images += entry.outputs.length
        if (entry.status === 'suspect') counts.suspect++
        break
      case 'unknown':
        counts.unknown++
        break
      default:
        counts.failed++
        this.#checkFailures()
    }
    emit({ type: 'row-end', entry, counts })
  }

  #checkFailures(): void {
    const { counts, settings, control } = this.#run
    if (counts.failed - this.#failedBefore !== settings.maxFailures) return
    const sentence = `The run ended early: ${settings.maxFailures} row(s) failed, as many as --max_failures allows.`
    control.end(new DiffgentorError('systemic_fault', sentence))
  }
}
