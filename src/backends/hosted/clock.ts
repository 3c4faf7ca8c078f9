/** Time as a value, so that tests take none. */
export interface Clock {
  /** Milliseconds from any fixed point; never goes back. */
  now(): number
  /** Runs something once, `ms` milliseconds from now; the function returned calls it off. */
  after(ms: number, run: () => void): () => void
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(Math.ceil(ms), LONGEST_TIMER_MS))
    return () => clearTimeout(timer)
  },
}
