import { DiffgentorError, toDiffgentorError } from '../errors.ts'
import type { BatchRun } from './batch-run.ts'
import { drawMissing, type RowDrawing } from './draw-calls.ts'
import { FaultGuard } from './fault-guard.ts'
import { type LedgerEntry, toLedgerError } from './ledger-entry.ts'
import type { RowPlan } from './plan-row.ts'
import { prepareRow } from './prepare-row.ts'
import { judgeFailure } from './retry.ts'
import { type Attempt, RowRecorder } from './row-recorder.ts'

/** How a row is tried. */
interface TryOptions {
  maxRetries: number
  /** Tried while all others pause. */
  isProbe: boolean
}

/** A row between its attempts. `drawing` is there once its pictures are loaded. */
interface RowTry {
  readonly plan: RowPlan
  readonly options: TryOptions
  readonly attempt: Attempt
  drawing?: RowDrawing
}

/** What became of a row. */
type Outcome =
  /** The ledger has its last line. */
  | { kind: 'recorded' }
  /** Left to a later run. */
  | { kind: 'pending' }
  /** Failed for good, unless the fault is everybody's; not in the ledger yet. */
  | { kind: 'failed'; entry: LedgerEntry; error: DiffgentorError }

/** Works rows: attempts, pauses, files, ledger lines. Rejects only when the ledger cannot be written or this program is at fault. */
export class RowWorker {
  readonly #run: BatchRun
  readonly #recorder: RowRecorder

  constructor(run: BatchRun) {
    this.#run = run
    this.#recorder = new RowRecorder(run)
  }

  /** Works one row to its end. */
  async work(plan: RowPlan): Promise<void> {
    const outcome = await this.#tryAll(plan, { maxRetries: this.#run.policy.maxRetries, isProbe: false })
    if (outcome.kind === 'failed') await this.#hold(plan, outcome)
  }

  /** Records a row that cannot be worked at all. */
  async reject(row: { index: number; position: number }, error: DiffgentorError): Promise<void> {
    const attempt: Attempt = { number: 1, startedAt: this.#run.clock.now(), crashes: 0 }
    await this.#recorder.finish(this.#recorder.entryOf(row, 'failed', attempt, { error }))
    if (this.#run.settings.strict) this.#run.control.end(error)
  }

  async #tryAll(plan: RowPlan, options: TryOptions): Promise<Outcome> {
    const { clock, control, emit } = this.#run
    const attempt: Attempt = { number: 0, startedAt: clock.now(), crashes: 0 }
    const row: RowTry = { plan, options, attempt }
    emit({ type: 'row-start', index: plan.row.index, position: plan.row.position })
    for (;;) {
      if (control.draining.aborted) return { kind: 'pending' }
      attempt.number++
      attempt.startedAt = clock.now()
      const error = await this.#tryOnce(row)
      if (!error) return { kind: 'recorded' }
      const outcome = await this.#judge(row, error)
      if (outcome) return outcome
    }
  }

  /** One attempt: draws what is missing and records the row. Returns the error when it failed. */
  async #tryOnce(row: RowTry): Promise<DiffgentorError | undefined> {
    const { plan, options, attempt } = row
    try {
      row.drawing ??= await prepareRow(this.#run, plan, options.isProbe)
      row.drawing.isSent = false
      await drawMissing(this.#run, row.drawing, this.#makeAnnouncement(row))
    } catch (thrown) {
      return toDiffgentorError(thrown)
    }
    const status = row.drawing.flatImages > 0 ? 'suspect' : 'done'
    await this.#recorder.finish(this.#recorder.entryOf(plan.row, status, attempt, row))
    return undefined
  }

  /** Before an attempt's first request leaves its time begins, and a paid one is written down. */
  #makeAnnouncement({ plan, attempt }: RowTry): () => Promise<void> {
    let isAnnounced = false
    return async () => {
      if (isAnnounced) return
      isAnnounced = true
      attempt.startedAt = this.#run.clock.now()
      if (this.#isPaid) await this.#recorder.append(this.#recorder.entryOf(plan.row, 'started', attempt, {}))
    }
  }

  /** What follows a failed attempt; undefined: another one. */
  async #judge(row: RowTry, error: DiffgentorError): Promise<Outcome | undefined> {
    const { control, policy, random } = this.#run
    const { plan, attempt, options } = row
    if (error.code === 'worker_crashed') attempt.crashes++
    if (this.#isDropped(error)) return await this.#drop(row)
    const counts = { attempts: attempt.number, crashes: attempt.crashes }
    const verdict = judgeFailure(error, counts, { ...policy, maxRetries: options.maxRetries }, random)
    const entryOf = (status: 'failed' | 'unknown' | 'poison', reason = error) =>
      this.#recorder.entryOf(plan.row, status, attempt, { drawing: row.drawing, error: reason })
    switch (verdict.kind) {
      case 'unknown':
        await this.#recorder.finish(entryOf('unknown'))
        return { kind: 'recorded' }
      case 'end-run':
        control.end(error)
        // A paid row that was refused must not look as if its answer were still awaited.
        if (this.#isPaid && row.drawing?.isSent) await this.#recorder.append(entryOf('failed'))
        return { kind: 'pending' }
      case 'fail':
        return { kind: 'failed', error, entry: entryOf('failed') }
      case 'poison':
        return { kind: 'failed', error, entry: entryOf('poison', poisonOf(error)) }
      case 'retry':
        await this.#recorder.append(entryOf('failed'))
        return await this.#awaitRetry(row, error, verdict.waitMs)
    }
  }

  /** Whether an attempt ended because the run does, not because of itself. */
  #isDropped(error: DiffgentorError): boolean {
    const { draining, stopping } = this.#run.control
    return stopping.aborted || (draining.aborted && error.code === 'cancelled')
  }

  /** A request to a paid backend that was dropped may have been billed. */
  async #drop({ plan, attempt, drawing }: RowTry): Promise<Outcome> {
    if (!this.#isPaid || !drawing?.isSent) return { kind: 'pending' }
    const error = new DiffgentorError(
      'upstream_ambiguous',
      'The run was stopped before the answer came; it may have been billed.',
    )
    await this.#recorder.finish(this.#recorder.entryOf(plan.row, 'unknown', attempt, { drawing, error }))
    return { kind: 'recorded' }
  }

  async #awaitRetry({ plan, attempt }: RowTry, error: DiffgentorError, waitMs: number): Promise<Outcome | undefined> {
    const { clock, control, emit } = this.#run
    emit({ type: 'row-retry', index: plan.row.index, attempt: attempt.number, error: toLedgerError(error), waitMs })
    try {
      await clock.wait(waitMs, control.draining)
      return undefined
    } catch {
      return { kind: 'pending' }
    }
  }

  /** Records a failure, unless it may be everybody's: then the guard decides. */
  async #hold(plan: RowPlan, { entry, error }: { entry: LedgerEntry; error: DiffgentorError }): Promise<void> {
    const recorder = this.#recorder
    if (!FaultGuard.concerns(error)) return await recorder.finish(entry)
    // A paid request was answered, if only by a refusal, so its line must not wait.
    if (this.#isPaid) await recorder.append(entry)
    await this.#run.guard.fail({
      error,
      accept: async () => (this.#isPaid ? recorder.count(entry) : await recorder.finish(entry)),
      probe: async () => {
        const outcome = await this.#tryAll(plan, { maxRetries: 0, isProbe: true })
        if (outcome.kind !== 'failed') return true
        if (FaultGuard.concerns(outcome.error)) return false
        await recorder.finish(outcome.entry)
        return true
      },
      rework: () => this.work(plan),
    })
  }

  get #isPaid(): boolean {
    return this.#run.backend.capabilities.paid
  }
}

function poisonOf(error: DiffgentorError): DiffgentorError {
  return new DiffgentorError('poison', `The row was in work when two workers died and is set apart: ${error.message}`, {
    cause: error,
  })
}
