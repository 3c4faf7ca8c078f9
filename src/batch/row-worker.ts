import type { ImageRequest } from '../contract/index.ts'
import { DiffgentorError, toDiffgentorError } from '../errors.ts'
import type { BatchRun } from './batch-run.ts'
import { toDiffusionOptions } from './diffusion-options.ts'
import { drawMissing, type RowDrawing } from './draw-calls.ts'
import { FaultGuard } from './fault-guard.ts'
import { type LedgerEntry, type RowStatus, toLedgerError } from './ledger-entry.ts'
import type { RowPlan } from './plan-row.ts'
import { judgeFailure } from './retry.ts'

/** How a row is tried. */
interface TryOptions {
  maxRetries: number
  /** Tried while all others pause. */
  isProbe: boolean
}

/** What became of a row. */
type Outcome =
  /** The ledger has its last line. */
  | { kind: 'recorded' }
  /** Left to a later run. */
  | { kind: 'pending' }
  /** Failed for good, unless the fault is everybody's; not in the ledger yet. */
  | { kind: 'failed'; entry: LedgerEntry; error: DiffgentorError }

interface Attempt {
  number: number
  startedAt: number
  crashes: number
}

/** Works rows: attempts, pauses, files, ledger lines. Never rejects but for a fault of the disk or of this program. */
export class RowWorker {
  readonly #run: BatchRun
  /** Failures of earlier runs, which do not count against `--max_failures`. */
  readonly #failedBefore: number

  constructor(run: BatchRun) {
    this.#run = run
    this.#failedBefore = run.counts.failed
  }

  /** Works one row to its end. */
  async work(plan: RowPlan): Promise<void> {
    const outcome = await this.#attemptAll(plan, { maxRetries: this.#run.policy.maxRetries, isProbe: false })
    if (outcome.kind === 'failed') await this.#hold(plan, outcome)
  }

  /** Records a row that cannot be worked at all. */
  async reject(row: { index: number; position: number }, error: DiffgentorError): Promise<void> {
    await this.#record(this.#entryOf(row, 'failed', { number: 1, startedAt: this.#run.clock.now(), crashes: 0 }, { error }))
    if (this.#run.settings.strict) this.#run.control.end(error)
  }

  async #attemptAll(plan: RowPlan, options: TryOptions): Promise<Outcome> {
    const { clock, control, emit } = this.#run
    const attempt: Attempt = { number: 0, startedAt: clock.now(), crashes: 0 }
    const { index, position } = plan.row
    emit({ type: 'row-start', index, position })
    const prepared = await this.#prepare(plan, options).catch((thrown: unknown) => toDiffgentorError(thrown))
    if (prepared instanceof DiffgentorError) return await this.#finishUnprepared(plan, prepared, attempt)
    const { drawing, note } = prepared
    for (;;) {
      if (control.draining.aborted) return { kind: 'pending' }
      attempt.number++
      attempt.startedAt = clock.now()
      drawing.isSent = false
      const error = await this.#attempt(drawing, attempt, note)
      if (!error) return { kind: 'recorded' }
      const outcome = await this.#judge(drawing, attempt, error, options)
      if (outcome) return outcome
    }
  }

  /** Loads the row's pictures, makes its folders and puts the request together. */
  async #prepare(plan: RowPlan, { isProbe }: TryOptions): Promise<{ drawing: RowDrawing; note: string | undefined }> {
    const { sink, sources, control } = this.#run
    for (const name of plan.names) await sink.prepare(name)
    const rowSources = await sources(plan, control.stopping)
    for (const sentence of rowSources.warnings) this.#run.warn(sentence)
    const { settings } = plan
    const request: ImageRequest = {
      prompt: plan.prompt,
      negativePrompt: settings.negativePrompt,
      numImages: plan.numImages,
      seeds: plan.seeds,
      size: plan.size,
      numInferenceSteps: settings.numInferenceSteps,
      guidanceScale: settings.guidanceScale,
      trueCfgScale: settings.trueCfgScale,
      edit: rowSources.edit,
      diffusion: toDiffusionOptions(settings, rowSources.controlImages),
      extra: settings.extra,
    }
    const { prompt, note } = await this.#enhance(request)
    const drawing: RowDrawing = {
      plan,
      request: { ...request, prompt },
      sources: rowSources,
      outputs: [],
      flatImages: 0,
      usage: undefined,
      isSent: false,
      isProbe,
    }
    return { drawing, note }
  }

  async #enhance(request: ImageRequest): Promise<{ prompt: string; note?: string }> {
    const { enhancePrompt, control } = this.#run
    if (!enhancePrompt) return { prompt: request.prompt }
    try {
      return { prompt: await enhancePrompt(request, control.stopping) }
    } catch (thrown) {
      control.stopping.throwIfAborted()
      return { prompt: request.prompt, note: `The prompt was not enhanced: ${toDiffgentorError(thrown).message}` }
    }
  }

  async #finishUnprepared(plan: RowPlan, error: DiffgentorError, attempt: Attempt): Promise<Outcome> {
    if (this.#run.control.stopping.aborted) return { kind: 'pending' }
    if (error.traits.endsRun) {
      this.#run.control.end(error)
      return { kind: 'pending' }
    }
    await this.#record(this.#entryOf(plan.row, 'failed', { ...attempt, number: 1 }, { error }))
    return { kind: 'recorded' }
  }

  /** One try: draws what is missing and records the row. Returns the error when it failed. */
  async #attempt(drawing: RowDrawing, attempt: Attempt, note: string | undefined): Promise<DiffgentorError | undefined> {
    const { ledger, backend } = this.#run
    const { plan } = drawing
    let isAnnounced = false
    const announce = async () => {
      if (isAnnounced) return
      isAnnounced = true
      attempt.startedAt = this.#run.clock.now()
      if (backend.capabilities.paid) await ledger.append(this.#entryOf(plan.row, 'started', attempt, {}))
    }
    try {
      await drawMissing(this.#run, drawing, announce)
    } catch (thrown) {
      return toDiffgentorError(thrown)
    }
    const status = drawing.flatImages > 0 ? 'suspect' : 'done'
    await this.#record(this.#entryOf(plan.row, status, attempt, { drawing, note }))
    return undefined
  }

  /** What follows a failed attempt; undefined: another one. */
  async #judge(
    drawing: RowDrawing,
    attempt: Attempt,
    error: DiffgentorError,
    { maxRetries }: TryOptions,
  ): Promise<Outcome | undefined> {
    const { control, policy, random } = this.#run
    const { row } = drawing.plan
    if (error.code === 'worker_crashed') attempt.crashes++
    if (this.#isDropped(error)) return await this.#drop(drawing, attempt)
    const verdict = judgeFailure(error, { attempts: attempt.number, crashes: attempt.crashes }, { ...policy, maxRetries }, random)
    switch (verdict.kind) {
      case 'unknown':
        await this.#record(this.#entryOf(row, 'unknown', attempt, { drawing, error }))
        return { kind: 'recorded' }
      case 'end-run':
        control.end(error)
        await this.#leavePending(drawing, attempt, error)
        return { kind: 'pending' }
      case 'fail':
        return { kind: 'failed', error, entry: this.#entryOf(row, 'failed', attempt, { drawing, error }) }
      case 'poison':
        return { kind: 'failed', error, entry: this.#entryOf(row, 'poison', attempt, { drawing, error: poisonOf(error) }) }
      case 'retry':
        return await this.#awaitRetry(drawing, attempt, error, verdict.waitMs)
    }
  }

  /** Whether the attempt ended because the run does, not because of itself. */
  #isDropped(error: DiffgentorError): boolean {
    const { draining, stopping } = this.#run.control
    return stopping.aborted || (draining.aborted && error.code === 'cancelled')
  }

  /** A request of a paid backend that was dropped may have been billed. */
  async #drop(drawing: RowDrawing, attempt: Attempt): Promise<Outcome> {
    if (!this.#run.backend.capabilities.paid || !drawing.isSent) return { kind: 'pending' }
    const error = new DiffgentorError(
      'upstream_ambiguous',
      'The run was stopped before the answer came; it may have been billed.',
    )
    await this.#record(this.#entryOf(drawing.plan.row, 'unknown', attempt, { drawing, error }))
    return { kind: 'recorded' }
  }

  /** A paid row that was refused must not look as if its answer were still awaited. */
  async #leavePending(drawing: RowDrawing, attempt: Attempt, error: DiffgentorError): Promise<void> {
    if (!this.#run.backend.capabilities.paid || !drawing.isSent) return
    await this.#run.ledger.append(this.#entryOf(drawing.plan.row, 'failed', attempt, { drawing, error }))
  }

  async #awaitRetry(drawing: RowDrawing, attempt: Attempt, error: DiffgentorError, waitMs: number): Promise<Outcome | undefined> {
    const { ledger, clock, control, emit } = this.#run
    const { index } = drawing.plan.row
    await ledger.append(this.#entryOf(drawing.plan.row, 'failed', attempt, { drawing, error }))
    emit({ type: 'row-retry', index, attempt: attempt.number, error: toLedgerError(error), waitMs })
    try {
      await clock.wait(waitMs, control.draining)
      return undefined
    } catch {
      return { kind: 'pending' }
    }
  }

  async #hold(plan: RowPlan, { entry, error }: { entry: LedgerEntry; error: DiffgentorError }): Promise<void> {
    const { guard, backend, ledger } = this.#run
    if (!FaultGuard.concerns(error)) return await this.#record(entry)
    // The request of a paid row was answered, so its line must not wait.
    const isWritten = backend.capabilities.paid
    if (isWritten) await ledger.append(entry)
    await guard.fail({
      error,
      accept: () => this.#record(entry, isWritten),
      leavePending: async () => undefined,
      probe: async () => {
        const outcome = await this.#attemptAll(plan, { maxRetries: 0, isProbe: true })
        return outcome.kind !== 'failed' || !FaultGuard.concerns(outcome.error)
      },
      rework: () => this.work(plan),
    })
  }

  #entryOf(
    { index, position }: { index: number; position: number },
    status: RowStatus,
    attempt: Attempt,
    { drawing, error, note }: { drawing?: RowDrawing; error?: DiffgentorError; note?: string | undefined },
  ): LedgerEntry {
    const isEnhanced = drawing && drawing.request.prompt !== drawing.plan.prompt
    return {
      index,
      position,
      status,
      attempt: attempt.number,
      outputs: drawing ? [...drawing.outputs] : [],
      ms: Math.round(this.#run.clock.now() - attempt.startedAt),
      error: error && toLedgerError(error),
      promptEnhanced: isEnhanced ? drawing.request.prompt : undefined,
      note,
      usage: drawing?.usage,
    }
  }

  /** Writes a row's last line, counts it and tells. */
  async #record(entry: LedgerEntry, isWritten = false): Promise<void> {
    const { ledger, counts, control, settings, emit } = this.#run
    if (!isWritten) await ledger.append(entry)
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
        if (counts.failed - this.#failedBefore === settings.maxFailures) control.end(tooManyFailures(settings.maxFailures))
    }
    emit({ type: 'row-end', entry, counts })
  }
}

function poisonOf(error: DiffgentorError): DiffgentorError {
  return new DiffgentorError('poison', `The row was in work when two workers died and is set apart: ${error.message}`, {
    cause: error,
  })
}

function tooManyFailures(count: number): DiffgentorError {
  return new DiffgentorError('systemic_fault', `The run ended early: ${count} rows failed, as many as --max_failures allows.`)
}
