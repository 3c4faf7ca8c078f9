import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestLimiter } from '../../../src/backends/hosted/request-limiter.ts'

describe('a request limiter', () => {
  it('never lets more than its rate through in any window of a minute, whatever the arrivals', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 }),
        (perMinute, gaps) => {
          const limiter = new RequestLimiter(perMinute)
          const starts: number[] = []
          let now = 0
          for (const gap of gaps) {
            now = Math.max(now + gap, limiter.readyAt())
            limiter.take(now)
            starts.push(now)
          }
          for (const [at, start] of starts.entries()) {
            const inWindow = starts.slice(at).filter((later) => later < start + 60_000)
            expect(inWindow.length).toBeLessThanOrEqual(perMinute)
          }
        },
      ),
    )
  })

  it('lets the whole rate through at once after a quiet minute', () => {
    const limiter = new RequestLimiter(3)
    for (let start = 0; start < 3; start++) {
      expect(limiter.readyAt()).toBeLessThanOrEqual(0)
      limiter.take(0)
    }
    expect(limiter.readyAt()).toBe(60_000)
  })

  it('spaces starts by more than a minute for rates below one a minute', () => {
    const limiter = new RequestLimiter(0.5)
    limiter.take(0)
    expect(limiter.readyAt()).toBe(120_000)
  })
})
