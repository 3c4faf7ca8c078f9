import type { Clock } from '../../../src/backends/hosted/clock.ts'

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  #now = 0
  readonly #timers = new Set<{ at: number; run: () => void }>()

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves on, ringing whatever is due on the way in order, and lets promises settle. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#timers.delete(due)
      this.#now = Math.max(this.#now, due.at)
      due.run()
      await settle()
    }
    this.#now = end
    await settle()
  }
}

/** Lets everything that waits only for promises happen. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
