import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Budget } from '../../../src/backends/hosted/budget.ts'
import { estimateRun, openBudget } from '../../../src/backends/hosted/estimate-run.ts'
import { BATCH_SETTINGS, withDefaults } from '../../../src/config/settings.ts'
import type { ImageRequest } from '../../../src/contract/index.ts'
import { DiffgentorError } from '../../../src/errors.ts'
import { settle } from '../support/manual-clock.ts'

const request: ImageRequest = { prompt: 'a fox', numImages: 1 }
const settingsWith = (values: Parameters<typeof withDefaults<typeof BATCH_SETTINGS>>[1]) => withDefaults(BATCH_SETTINGS, values)

describe('a budget', () => {
  it('is never passed by sixteen workers, whatever requests cost in the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), images: fc.integer({ min: 1, max: 4 }) }), {
          minLength: 20,
          maxLength: 60,
        }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        async (jobs, limit) => {
          const budget = new Budget({ price: 0.04, budget: limit })
          const queue = [...jobs]
          let billed = 0
          const work = async () => {
            for (let job = queue.shift(); job; job = queue.shift()) {
              try {
                const reservation = budget.reserve({ ...request, numImages: job.images })
                await settle()
                billed += 0.04 * job.images
                reservation.settle({})
              } catch (error) {
                expect(error).toMatchObject({ code: 'budget_exhausted' })
              }
              expect(budget.spentUsd + budget.reservedUsd).toBeLessThanOrEqual(limit + 1e-9)
            }
          }
          await Promise.all(Array.from({ length: 16 }, work))
          expect(billed).toBeLessThanOrEqual(limit + 1e-9)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('refuses the request that could pass it while others are in flight, and allows it once they turn out cheaper', () => {
    const budget = new Budget({ price: () => 0.5, budget: 1 })
    const first = budget.reserve(request)
    budget.reserve(request)
    expect(() => budget.reserve(request)).toThrow(expect.objectContaining({ code: 'budget_exhausted' }))
    expect(first.settle({ usage: { costUsd: 0 } })).toBe(0)
    expect(() => budget.reserve(request)).not.toThrow()
  })

  it('adds thousands of prices up exactly', () => {
    const budget = new Budget({ price: 0.1, budget: 1000 })
    for (let count = 0; count < 10_000; count++) budget.reserve(request).settle({})
    expect(budget.spentUsd).toBe(1000)
    expect(() => budget.reserve(request)).toThrow(expect.objectContaining({ code: 'budget_exhausted' }))
  })

  it('counts an unanswered request as spent, and a refused one as free', () => {
    const budget = new Budget({ price: 0.25, budget: 1 })
    const ambiguous = new DiffgentorError('upstream_ambiguous', 'No answer came.')
    expect(budget.reserve(request).settle({ error: ambiguous })).toBe(0.25)
    expect(budget.reserve(request).settle({ error: new DiffgentorError('upstream_rate_limit', 'Slow.') })).toBeUndefined()
    expect(budget.spentUsd).toBe(0.25)
    expect(budget.reservedUsd).toBe(0)
  })

  it('counts what earlier runs spent', () => {
    const budget = new Budget({ price: 0.5, budget: 2, spentSoFar: 0.5 })
    budget.begin(0.5)
    expect(budget.spentUsd).toBe(1)
    budget.reserve(request)
    budget.reserve(request)
    expect(() => budget.reserve(request)).toThrow('$1.00 are spent and $1.00 are reserved')
  })

  it('takes the price of the user over what the provider reports', () => {
    const budget = new Budget({ price: 0.1 })
    expect(budget.reserve(request).settle({ usage: { costUsd: 9 } })).toBe(0.1)
  })

  it('cannot be kept with an unknown price', () => {
    expect(() => openBudget('some-new-model', settingsWith({ budget: 1 }))).toThrow(
      expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining('--price') }),
    )
    expect(() => openBudget('some-new-model', settingsWith({ budget: 1, price: 0.1 }))).not.toThrow()
    expect(() => openBudget('some-new-model', settingsWith({}))).not.toThrow()
  })

  it('sets aside more for prompts and source pictures than for the picture alone', () => {
    const budget = openBudget('gpt-image-1', settingsWith({ budget: 10 }))
    const wishes = { size: { width: 1024, height: 1024 }, extra: { quality: 'low' } }
    budget.reserve({ ...request, ...wishes })
    const plain = budget.reservedUsd
    budget.reserve({ ...request, ...wishes, edit: { images: [new Uint8Array(1)] } })
    expect(plain).toBeGreaterThan(0.011)
    expect(budget.reservedUsd - plain).toBeGreaterThan(plain)
  })
})

describe('the estimate of a dry run', () => {
  const estimate = (model: string, values = {}) =>
    estimateRun({ rows: 10, images: 20, backend: 'openai', model, settings: settingsWith(values) })

  it('multiplies the pictures by the list price of their size and quality', () => {
    const size = { width: 1536, height: 1024 }
    expect(estimate('gpt-image-1', { size, extra: { quality: 'medium' } })).toMatchObject({ perImageUsd: 0.063, totalUsd: 1.26 })
  })

  it('takes the dearest choice where the provider chooses', () => {
    expect(estimate('gpt-image-1')).toMatchObject({ perImageUsd: 0.25, totalUsd: 5, note: expect.stringMatching(/at most/i) })
  })

  it('knows dated snapshots by the price of their model', () => {
    expect(estimate('gpt-image-2-2026-04-21')).toMatchObject({ perImageUsd: 0.211 })
    expect(estimate('gpt-image-1-mini-9')?.perImageUsd).toBeUndefined()
  })

  it('says that a price is unknown, and never that it is nothing', () => {
    expect(estimate('gpt-image-2.5-flare')?.totalUsd).toBeUndefined()
    const unknown = estimate('some-new-model')
    expect(unknown).toMatchObject({ perImageUsd: undefined, totalUsd: undefined, note: expect.stringContaining('unknown') })
  })

  it('takes the price of the user', () => {
    expect(estimate('some-new-model', { price: 0.3 })).toMatchObject({ totalUsd: 6 })
  })

  it('has nothing to say about backends that cost nothing', () => {
    const settings = settingsWith({})
    expect(estimateRun({ rows: 1, images: 1, backend: 'onnx', model: 'sd15', settings })).toBeUndefined()
  })
})
