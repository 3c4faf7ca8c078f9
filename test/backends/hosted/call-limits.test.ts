import { describe, expect, it } from 'vitest'
import { readCallLimits } from '../../../src/backends/hosted/call-limits.ts'

const unset = { maxGlobalWorkers: undefined, timeout: undefined }

describe('the limits of calls', () => {
  it('come from flags first, then from the provider’s variables, then from defaults', () => {
    const pool = { maxWorkers: 64, timeout: 20 }
    expect(readCallLimits({ maxGlobalWorkers: 4, timeout: 10 }, pool)).toEqual({ concurrency: 4, timeoutMs: 10_000 })
    expect(readCallLimits(unset, pool)).toEqual({ concurrency: 64, timeoutMs: 20_000 })
    expect(readCallLimits(unset)).toEqual({ concurrency: 16, timeoutMs: 300_000 })
  })
})
