import { DiffgentorError, type ErrorCode } from '../errors.ts'

const EQUAL_ERRORS = 5
const PAUSE_MS = 30_000

/** Faults that lie in a row, so that any number of them says nothing about the backend. */
const ROW_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'invalid_row',
  'invalid_request',
  'invalid_output_name',
  'unreadable_image',
  'fetch_refused',
  'fetch_failed',
  'content_policy',
  'upstream_rejected',
  'unsupported',
  'nan_output',
])

/** A row that failed for good, unless the fault turns out to be everybody's. */
export interface HeldFailure {
  error: DiffgentorError
  /** Counts the row as failed. */
  accept: () => Promise<void>
  /** Tries the row once; true when it did not fail with a fault that may be systemic. */
  probe: () => Promise<boolean>
  /** Works the row again from the start. */
  rework: () => Promise<void>
}

/** What the guard needs of its run. */
export interface FaultGuardRun {
  /** Resolves after the pause, or early when the run ends. */
  pause: (ms: number) => Promise<void>
  restart: () => Promise<void>
  notify: (sentence: string) => void
  isEnding: () => boolean
  end: (reason: DiffgentorError) => void
}

/**
 * Keeps one systemic fault from burning every row. Rows that fail one after the other with the same error are held; at the
 * fifth the run pauses once, restarts the backend and tries the first of them again. If that fails too, the run ends and all
 * of them stay pending.
 */
export class FaultGuard {
  readonly #run: FaultGuardRun
  #held: HeldFailure[] = []
  #hasPaused = false
  #investigation: Promise<HeldFailure[]> | undefined

  constructor(run: FaultGuardRun) {
    this.#run = run
  }

  /** Whether a failure may be a systemic one. */
  static concerns(error: DiffgentorError): boolean {
    return !ROW_FAULTS.has(error.code)
  }

  /** Resolves when requests may leave. */
  async ready(): Promise<void> {
    while (this.#investigation) await this.#investigation
  }

  /** A row went well: those held failed for reasons of their own. */
  async succeed(): Promise<void> {
    if (!this.#investigation && this.#held.length > 0) await this.flush()
  }

  /** A row failed for good. Resolves when it is held or decided. */
  async fail(failure: HeldFailure): Promise<void> {
    const isOther = this.#held.length > 0 && keyOf(this.#held[0]!.error) !== keyOf(failure.error)
    if (isOther && !this.#investigation) await this.flush()
    this.#held.push(failure)
    if (this.#held.length < EQUAL_ERRORS || this.#investigation) return
    this.#investigation = this.#investigate()
    const again = await this.#investigation.finally(() => {
      this.#investigation = undefined
    })
    for (const { rework } of again) await rework()
  }

  /** Counts all held rows as failed: the run is over, or the fault was not everybody's. */
  async flush(): Promise<void> {
    for (const { accept } of this.#takeHeld()) await accept()
  }

  /** The rows to work again: none when the fault stays. */
  async #investigate(): Promise<HeldFailure[]> {
    const [first] = this.#held as [HeldFailure]
    if (await this.#recovers(first)) return this.#takeHeld().filter((failure) => failure !== first)
    const held = this.#takeHeld()
    const { error } = first
    const sentence = `${held.length} rows in a row failed with the same error and stay pending; cure it and start the same command again: ${error.message}`
    if (!this.#run.isEnding()) this.#run.end(new DiffgentorError('systemic_fault', sentence, { cause: error }))
    return []
  }

  /** Pauses, restarts the backend and tries one row again, once in a run. */
  async #recovers({ error, probe }: HeldFailure): Promise<boolean> {
    if (this.#hasPaused) return false
    this.#hasPaused = true
    const pause = `${EQUAL_ERRORS} rows in a row failed with the same error; pausing ${PAUSE_MS / 1000} s before one more try`
    this.#run.notify(`${pause}: ${error.message}`)
    await this.#run.pause(PAUSE_MS)
    if (this.#run.isEnding()) return false
    await this.#run.restart()
    return await probe()
  }

  #takeHeld(): HeldFailure[] {
    const held = this.#held
    this.#held = []
    return held
  }
}

/** Equal but for numbers and quoted names: the same fault on different rows. */
function keyOf({ code, message }: DiffgentorError): string {
  return `${code}\0${message.replace(/"[^"]*"|\d+/g, '#')}`
}
