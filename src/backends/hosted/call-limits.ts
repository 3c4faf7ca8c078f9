const DEFAULT_TIMEOUT_S = 300
const DEFAULT_CONCURRENCY = 16

/** How much and how long a backend calls. */
export interface CallLimits {
  /** Requests in flight at once. */
  concurrency: number
  timeoutMs: number
}

/** Flags outrank a provider's own variables, and these the defaults. */
export function readCallLimits(
  flags: { maxGlobalWorkers: number | undefined; timeout: number | undefined },
  pool: { maxWorkers?: number | undefined; timeout?: number | undefined } = {},
): CallLimits {
  return {
    concurrency: flags.maxGlobalWorkers ?? pool.maxWorkers ?? DEFAULT_CONCURRENCY,
    timeoutMs: (flags.timeout ?? pool.timeout ?? DEFAULT_TIMEOUT_S) * 1000,
  }
}
