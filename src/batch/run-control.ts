import type { DiffgentorError } from '../errors.ts'
import type { Clock } from './clock.ts'

const DRAIN_LIMIT_MS = 30_000

/** Decides when a run takes no more rows, and when it drops the rows that it holds. */
export class RunControl {
  readonly #draining = new AbortController()
  readonly #stopping = new AbortController()
  readonly #leaving = new AbortController()
  #endedBy: DiffgentorError | undefined
  #isInterrupted = false

  /** `drain` and `signal` come from outside; a drain that takes more than 30 s becomes a stop. */
  constructor({ drain, signal, clock }: { drain?: AbortSignal | undefined; signal?: AbortSignal | undefined; clock: Clock }) {
    const listen = { once: true, signal: this.#leaving.signal }
    const onDrain = () => {
      this.#isInterrupted = true
      this.#draining.abort()
      clock.wait(DRAIN_LIMIT_MS, this.#leaving.signal).then(
        () => this.#stopping.abort(),
        () => undefined,
      )
    }
    const onStop = () => {
      this.#isInterrupted = true
      this.#draining.abort()
      this.#stopping.abort()
    }
    if (signal?.aborted) onStop()
    else signal?.addEventListener('abort', onStop, listen)
    if (drain?.aborted) onDrain()
    else drain?.addEventListener('abort', onDrain, listen)
  }

  /** Fires when no new request may leave. */
  get draining(): AbortSignal {
    return this.#draining.signal
  }

  /** Fires when requests in flight are to be dropped. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  /** Why the run ends early, unless it was interrupted from outside. */
  get endedBy(): DiffgentorError | undefined {
    return this.#endedBy
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted
  }

  /** Ends the run after the rows in flight; the first reason counts. */
  end(reason: DiffgentorError): void {
    this.#endedBy ??= reason
    this.#draining.abort()
  }

  /** Stops listening and waiting. */
  release(): void {
    this.#leaving.abort()
  }
}
