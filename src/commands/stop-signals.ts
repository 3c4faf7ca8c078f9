import { constants } from 'node:os'
import type { Writable } from 'node:stream'
import { toDiskError } from '../sinks/disk-errors.ts'

/** Signals that ask a run to end. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What the outside world asked a run to do. */
export interface StopRequest extends Disposable {
  /** Fires at the first request: no new rows. */
  readonly drain: AbortSignal
  /** Fires at the second: stop now. */
  readonly stop: AbortSignal
  /** 128 + the number of the signal that came first, or that of a closed pipe; undefined when none came. */
  readonly exitCode: number | undefined
  /** False once stdout takes no more results. */
  readonly takesResults: boolean
}

/** Listens for signals and for results that nobody reads or that cannot be written any more. `tell` gets one sentence about what happens now. */
export function watchStopSignals(stdout: Writable, tell: (sentence: string) => void): StopRequest {
  const drain = new AbortController()
  const stop = new AbortController()
  let exitCode: number | undefined
  let takesResults = true
  const request = (name: NodeJS.Signals) => {
    exitCode ??= 128 + constants.signals[name]
    if (!drain.signal.aborted) {
      tell('Stopping: no new rows; rows in work finish within 30 s. Once more stops at once.')
      drain.abort()
    } else if (!stop.signal.aborted) {
      tell('Stopping now; everything recorded stays.')
      stop.abort()
    }
  }
  const onResultFault = (fault: NodeJS.ErrnoException) => {
    // Every further result would fail too, which must not count as asking twice.
    if (!takesResults) return
    takesResults = false
    if (fault.code === 'EPIPE') return request('SIGPIPE')
    tell(toDiskError(fault, 'Standard output').message)
    drain.abort()
  }
  for (const name of STOP_SIGNALS) process.on(name, request)
  stdout.on('error', onResultFault)
  return {
    drain: drain.signal,
    stop: stop.signal,
    get exitCode() {
      return exitCode
    },
    get takesResults() {
      return takesResults
    },
    [Symbol.dispose]() {
      for (const name of STOP_SIGNALS) process.off(name, request)
      stdout.off('error', onResultFault)
    },
  }
}
