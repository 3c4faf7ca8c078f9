import { setImmediate as yieldToOthers } from 'node:timers/promises'

/** Does long work in parts of at most `part` items, and lets whatever else waits have its turn between two of them. */
export async function takeTurns(items: number, part: number, work: (start: number, end: number) => void): Promise<void> {
  for (let start = 0; start < items; start += part) {
    if (start > 0) await yieldToOthers()
    work(start, Math.min(items, start + part))
  }
}
