import { runRequest } from '../backends/run-request.ts'
import type { CallContext, ImageRequest, ImageResult, Progress } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import type { BatchRun } from './batch-run.ts'
import type { RunControl } from './run-control.ts'

/** What sending changes of a row on its way. */
interface SentRow {
  readonly outputs: readonly unknown[]
  /** Whether a request left and brought no pictures yet. */
  isSent: boolean
}

interface SendOptions {
  /** Awaited before the request leaves. */
  announce: () => Promise<void>
  onProgress: CallContext['onProgress']
}

/** Hands a request to the backend. While it only waits its turn there, the end of the run takes it back. */
export async function sendCall(
  { backend, control }: BatchRun,
  row: SentRow,
  call: ImageRequest,
  { announce, onProgress }: SendOptions,
): Promise<ImageResult> {
  const { paid, announcesSends } = backend.capabilities
  const leave = async () => {
    await announce()
    row.isSent = true
  }
  if (!announcesSends) await leave()
  // Whether such a call waits or was sent cannot be known.
  if (paid && !announcesSends) return await runRequest(backend, call, { signal: control.stopping, onProgress })
  // A row that has pictures already is in flight and may finish.
  using turn = new Turn(control, { outlastsDrain: row.outputs.length > 0 })
  const watchProgress = (event: Progress) => {
    if (event.phase !== 'load') turn.begin()
    onProgress?.(event)
  }
  const beforeSend = async () => {
    turn.begin()
    turn.signal.throwIfAborted()
    await leave()
  }
  const context: CallContext = announcesSends
    ? { signal: turn.signal, onProgress, beforeSend }
    : { signal: turn.signal, onProgress: watchProgress }
  return await runRequest(backend, call, context)
}

/** A request's stay with a backend: a drain ends it only while it waits, a stop ends it always. */
class Turn implements Disposable {
  readonly #draining: AbortSignal
  readonly #stopping: AbortSignal
  readonly #controller = new AbortController()
  readonly #cancel = () =>
    this.#controller.abort(new DiffgentorError('cancelled', 'The run ended before the request had its turn.'))

  constructor({ draining, stopping }: RunControl, { outlastsDrain }: { outlastsDrain: boolean }) {
    this.#draining = draining
    this.#stopping = stopping
    stopping.addEventListener('abort', this.#cancel, { once: true })
    if (!outlastsDrain) draining.addEventListener('abort', this.#cancel, { once: true })
    if (stopping.aborted || (draining.aborted && !outlastsDrain)) this.#cancel()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The wait is over: from now on only a stop ends the request. */
  begin(): void {
    this.#draining.removeEventListener('abort', this.#cancel)
  }

  [Symbol.dispose](): void {
    this.#stopping.removeEventListener('abort', this.#cancel)
    this.#draining.removeEventListener('abort', this.#cancel)
  }
}
