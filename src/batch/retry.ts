import type { BatchSettings } from '../config/settings.ts'
import type { ImageBackend } from '../contract/index.ts'
import type { DiffgentorError } from '../errors.ts'

const LONGEST_BACKOFF_MS = 60_000
const LONGEST_RETRY_AFTER_MS = 600_000
/** Deaths of a worker after which a row is set apart. */
const DEADLY_CRASHES = 2

/** How often and how soon a row is tried again. */
export interface RetryPolicy {
  /** Repeats of a row in one run, at least 0. */
  maxRetries: number
  /** Ceiling of the first pause, in milliseconds; doubles each time. */
  delayMs: number
}

/** What follows a failed attempt. */
export type Verdict =
  /** Try again after a pause. */
  | { kind: 'retry'; waitMs: number }
  /** This row is through. */
  | { kind: 'fail' }
  /** It killed two workers. */
  | { kind: 'poison' }
  /** It may have been billed. */
  | { kind: 'unknown' }
  /** Every row would fail: the run ends and this row stays pending. */
  | { kind: 'end-run' }

/** For hosted models `--api_max_retries`, then `--max_retries`, then the provider's variable, then 5; for local ones `--max_retries`, then 3. */
export function choosePolicy(backend: ImageBackend, settings: BatchSettings): RetryPolicy {
  const pool = poolSettings(backend.name, settings)
  const delayMs = (settings.retryDelay ?? pool.retryDelay ?? 1) * 1000
  if (!backend.capabilities.paid) return { maxRetries: settings.maxRetries ?? 3, delayMs }
  return { maxRetries: settings.apiMaxRetries ?? settings.maxRetries ?? pool.maxRetries ?? 5, delayMs }
}

/** What the provider's own variables say. */
function poolSettings(
  name: string,
  settings: BatchSettings,
): { maxRetries?: number | undefined; retryDelay?: number | undefined } {
  if (name === 'openai') return { maxRetries: settings.openaiMaxRetries, retryDelay: settings.openaiRetryDelay }
  return name === 'google_genai' ? { maxRetries: settings.geminiMaxRetries, retryDelay: settings.geminiRetryDelay } : {}
}

/** Whether every other row would fail the same way, or would have to wait too long. */
export function endsRun(error: DiffgentorError): boolean {
  return error.traits.endsRun || (error.traits.retryable && (error.retryAfterMs ?? 0) > LONGEST_RETRY_AFTER_MS)
}

/** Decides after a failed attempt. `attempts` and `crashes` count those of the row in this run, this one included. */
export function judgeFailure(
  error: DiffgentorError,
  { attempts, crashes }: { attempts: number; crashes: number },
  { maxRetries, delayMs }: RetryPolicy,
  random: () => number,
): Verdict {
  if (endsRun(error)) return { kind: 'end-run' }
  if (error.code === 'upstream_ambiguous') return { kind: 'unknown' }
  if (crashes >= DEADLY_CRASHES) return { kind: 'poison' }
  if (!error.traits.retryable) return { kind: 'fail' }
  if (attempts > maxRetries) return { kind: 'fail' }
  if (error.retryAfterMs !== undefined) return { kind: 'retry', waitMs: error.retryAfterMs }
  // Full jitter: rows that failed together do not come back together.
  return { kind: 'retry', waitMs: Math.min(LONGEST_BACKOFF_MS, delayMs * 2 ** (attempts - 1)) * random() }
}
