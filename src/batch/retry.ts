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
  const delayMs = settings.retryDelay * 1000
  if (!backend.capabilities.paid) return { maxRetries: settings.maxRetries ?? 3, delayMs }
  return { maxRetries: settings.apiMaxRetries ?? settings.maxRetries ?? poolRetries(backend.name, settings) ?? 5, delayMs }
}

function poolRetries(name: string, { openaiMaxRetries, geminiMaxRetries }: BatchSettings): number | undefined {
  if (name === 'openai') return openaiMaxRetries
  return name === 'google_genai' ? geminiMaxRetries : undefined
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
