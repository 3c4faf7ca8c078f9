import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openBudget } from '../../src/backends/hosted/estimate-run.ts'
import type { BatchEvent } from '../../src/batch/batch-events.ts'
import { BATCH_SETTINGS, type BatchSettings, withDefaults } from '../../src/config/settings.ts'
import { type BatchTry, lastStatuses, listPictures, makeFolder, readLedger, tryBatch } from '../batch/batch-harness.ts'
import { type FakeUpstream, type Reply, startUpstream } from './support/fake-upstream.ts'
import { errorReply, openAgainst, picturesReply } from './support/openai-upstream.ts'
import { drawPicture, toBase64 } from './support/pictures.ts'

let upstream: FakeUpstream
let fine: Reply
let faults: Reply[]
let folder: string

beforeEach(async () => {
  folder = makeFolder()
  fine = picturesReply(toBase64(await drawPicture()))
  faults = []
  upstream = await startUpstream(() => faults.shift() ?? fine)
})

afterEach(() => upstream[Symbol.asyncDispose]())

const rowsOf = (count: number) => Array.from({ length: count }, (_, place) => ({ prompt: `fox ${place}` }))

/** Runs a batch on the openai backend against the upstream. */
async function run(rows: number, values: Partial<BatchSettings> = {}, options: Partial<BatchTry> = {}) {
  const settings = { backend: 'openai', modelName: 'dall-e-3', retryDelay: 0, ...values }
  await using backend = await openAgainst(upstream.url, { modelName: 'dall-e-3', ...values })
  const gate = openBudget(backend.modelId, withDefaults(BATCH_SETTINGS, settings))
  return await tryBatch({ rows: rowsOf(rows), folder, backend, gate, settings, ...options })
}

describe('a batch on a hosted model', () => {
  it.each<[string, Reply, number, string]>([
    ['a rate limit', errorReply(429, {}), 2, 'done'],
    ['a server fault', errorReply(500, {}), 2, 'done'],
    ['an empty answer', { json: { data: [] } }, 2, 'done'],
    ['a refusal of the content', errorReply(400, { code: 'content_policy_violation' }), 1, 'failed'],
    ['a rejected request', errorReply(400, { code: 'invalid_value' }), 1, 'failed'],
    ['a broken connection', 'reset', 1, 'unknown'],
    ['a torn answer', 'tear', 1, 'unknown'],
  ])('after %s sends a row in exactly as many requests as it may', async (_, fault, requests, status) => {
    faults = [fault]
    await run(1)
    expect(upstream.requests).toHaveLength(requests)
    expect(lastStatuses(folder)).toEqual({ 0: status })
  })

  it('repeats a row no more often than allowed, and the SDK does not repeat it underneath', async () => {
    faults = Array.from({ length: 20 }, () => errorReply(503, {}))
    await run(1, { apiMaxRetries: 3 })
    expect(upstream.requests).toHaveLength(4)
    await run(1, { apiMaxRetries: 0, retryFailed: true })
    expect(upstream.requests).toHaveLength(5)
  })

  it('does not send an unanswered row again unless told to', async () => {
    faults = ['reset']
    const { summary } = await run(1)
    expect(summary).toMatchObject({ exitCode: 1, unknown: 1 })
    await run(1)
    expect(upstream.requests).toHaveLength(1)
    await run(1, { retryAmbiguous: true })
    expect(upstream.requests).toHaveLength(2)
    expect(lastStatuses(folder)).toEqual({ 0: 'done' })
  })

  it.each(['drain', 'signal'] as const)(
    'at a %s leaves rows pending that wait for the rate limit: nothing was sent',
    async (end) => {
      const ending = new AbortController()
      const onEvent = ({ type }: BatchEvent) => void (type === 'row-end' && ending.abort())
      const { summary } = await run(3, { rpm: 1 }, { [end]: ending.signal, onEvent })
      expect(summary).toMatchObject({ done: 1, unknown: 0, pending: 2, interrupted: true })
      expect(upstream.requests).toHaveLength(1)
      expect(readLedger(folder).map(({ index, status }) => [index, status])).toEqual([
        [0, 'started'],
        [0, 'done'],
      ])
    },
  )

  it('ends at a wrong key, with the other rows pending', async () => {
    faults = Array.from({ length: 100 }, () => errorReply(401, { code: 'invalid_api_key' }))
    const { summary } = await run(100, { maxGlobalWorkers: 4 })
    expect(summary).toMatchObject({ exitCode: 1, endedBy: { code: 'upstream_authentication' }, done: 0, failed: 0, pending: 100 })
    expect(upstream.requests.length).toBeLessThanOrEqual(4)
  })

  it('ends when the day’s quota is spent, and goes on from there later', async () => {
    faults = [fine, fine, errorReply(429, { code: 'insufficient_quota' })]
    const { summary } = await run(5, { maxGlobalWorkers: 1 })
    expect(summary).toMatchObject({ endedBy: { code: 'upstream_quota' }, done: 2, pending: 3 })
    await run(5)
    expect(Object.keys(listPictures(folder))).toHaveLength(5)
    expect(upstream.requests).toHaveLength(3 + 3)
  })

  it('never sends a request that could pass the budget, with sixteen workers and over resumes', async () => {
    const money = { price: 0.1, budget: 1, maxGlobalWorkers: 16 }
    const { summary } = await run(50, money)
    expect(summary).toMatchObject({ exitCode: 1, endedBy: { code: 'budget_exhausted' }, done: 10, pending: 40 })
    expect(upstream.requests).toHaveLength(10)
    await run(50, money)
    expect(upstream.requests).toHaveLength(10)
    await run(50, { ...money, budget: 1.5 })
    expect(upstream.requests).toHaveLength(15)
  })

  it('writes into the ledger what each row cost', async () => {
    const size = { width: 1024, height: 1024 }
    fine = picturesReply(toBase64(await drawPicture('png', size)))
    const { summary } = await run(3, { size, extra: { quality: 'hd' } })
    expect(readLedger(folder).flatMap(({ status, cost_usd: cost }) => (status === 'done' ? [cost] : []))).toEqual([
      0.08, 0.08, 0.08,
    ])
    expect(summary.usage.costUsd).toBeCloseTo(0.24, 10)
  })

  it('draws a thousand rows with sixteen requests in flight and leaves no connection behind', async () => {
    const { summary } = await run(1000)
    expect(summary).toMatchObject({ exitCode: 0, done: 1000 })
    expect(upstream.requests).toHaveLength(1000)
    expect(upstream.inFlight.most).toBeLessThanOrEqual(16)
    await upstream.drained()
  })
})
