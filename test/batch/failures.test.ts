import { expect, it } from 'vitest'
import { DrawSlots } from '../../src/batch/draw-slots.ts'
import type { ImageRequest } from '../../src/contract/index.ts'
import { DiffgentorError } from '../../src/errors.ts'
import {
  InstantClock,
  lastStatuses,
  listPictures,
  makeFolder,
  readLedger,
  sentencesOf,
  tryBatch,
  WatchedBackend,
} from './batch-harness.ts'

const ONE_AT_A_TIME = { concurrency: 1 }
const PAID = { paid: true, concurrency: 1 }

it('tries a row again after growing pauses with full jitter, and records every attempt', async () => {
  const folder = makeFolder()
  const clock = new InstantClock()
  const { summary, events } = await tryBatch({
    folder,
    rows: ['[fail:upstream_unavailable:3] fox'],
    clock,
    random: () => 0.5,
    settings: { retryDelay: 1 },
  })
  expect(summary).toMatchObject({ done: 1, failed: 0, exitCode: 0 })
  expect(readLedger(folder).map(({ status, attempt }) => `${attempt} ${status}`)).toEqual([
    '1 failed',
    '2 failed',
    '3 failed',
    '4 done',
  ])
  expect(events.flatMap((event) => (event.type === 'row-retry' ? [event.waitMs] : []))).toEqual([500, 1000, 2000])
})

it.each([
  ['a local backend, 3 repeats', false, {}, 4],
  ['a local backend told how many', false, { maxRetries: 1 }, 2],
  ['a local backend, whose repeats the API limit does not touch', false, { apiMaxRetries: 0 }, 4],
  ['a paid backend, 5 repeats', true, {}, 6],
  ['a paid backend told by --max_retries', true, { maxRetries: 2 }, 3],
  ['a paid backend told by both', true, { maxRetries: 2, apiMaxRetries: 0 }, 1],
])('sends no more requests than the limit allows: %s', async (_, paid, settings, requests) => {
  const backend = new WatchedBackend({ paid })
  const folder = makeFolder()
  const { summary } = await tryBatch({ folder, rows: ['[fail:upstream_unavailable] fox', 'owl'], backend, settings })
  expect(backend.requests.filter(({ prompt }) => prompt.includes('fox'))).toHaveLength(requests)
  expect(summary).toMatchObject({ done: 1, failed: 1, exitCode: 1 })
})

it.each(['content_policy', 'unreadable_image', 'invalid_request', 'upstream_rejected'])(
  'does not repeat a row that failed with %s',
  async (code) => {
    const backend = new WatchedBackend()
    const folder = makeFolder()
    await tryBatch({ folder, rows: [`[fail:${code}] fox`, 'owl'], backend })
    expect(backend.requests).toHaveLength(2)
    expect(readLedger(folder).find(({ index }) => index === 0)).toMatchObject({
      status: 'failed',
      error: { code, retryable: false },
    })
  },
)

it('obeys a Retry-After up to ten minutes, and ends the run resumably at a longer one', async () => {
  const limited = (retryAfterMs: number) =>
    new WatchedBackend({
      ...ONE_AT_A_TIME,
      before: (() => {
        let calls = 0
        return () => {
          if (calls++ === 0) throw new DiffgentorError('upstream_rate_limit', 'Too many requests.', { retryAfterMs })
        }
      })(),
    })
  const patient = await tryBatch({ folder: makeFolder(), rows: ['fox'], backend: limited(420_000) })
  expect(patient.summary.done).toBe(1)
  expect(patient.events).toContainEqual(expect.objectContaining({ type: 'row-retry', waitMs: 420_000 }))
  const folder = makeFolder()
  const parked = await tryBatch({ folder, rows: ['fox', 'owl'], backend: limited(700_000) })
  expect(parked.summary).toMatchObject({ pending: 2, exitCode: 1, endedBy: { code: 'upstream_rate_limit' } })
  expect((await tryBatch({ folder, rows: ['fox', 'owl'] })).summary).toMatchObject({ done: 2, exitCode: 0 })
})

it('halves the requests in flight once for a burst of refusals, and grows back by one a round', () => {
  const slots = new DrawSlots(8)
  const { round } = slots
  for (let refusal = 0; refusal < 8; refusal++) slots.halve(round)
  expect(slots.limit).toBe(4)
  slots.halve(slots.round)
  slots.halve(slots.round)
  slots.halve(slots.round)
  expect(slots.limit).toBe(1)
  const limits = Array.from({ length: 40 }, () => {
    slots.grow()
    return slots.limit
  })
  expect(limits.slice(0, 6)).toEqual([2, 2, 3, 3, 3, 4])
  expect(Math.max(...limits)).toBe(8)
})

it('sends fewer requests at once after a refusal', async () => {
  let mostAfter = 0
  let refuse: () => void = () => undefined
  const refused = new Promise<void>((resolve) => {
    refuse = resolve
  })
  const backend: WatchedBackend = new WatchedBackend({
    paid: true,
    concurrency: 4,
    before: async () => {
      const nth = backend.requests.length
      if (nth < 4) await refused
      else if (nth === 4) {
        refuse()
        throw new DiffgentorError('upstream_rate_limit', 'Too many requests.')
      } else mostAfter = Math.max(mostAfter, backend.inFlight)
    },
  })
  const { summary } = await tryBatch({ folder: makeFolder(), rows: ['a', 'b', 'c', 'd', 'e', 'f'], backend })
  expect(summary.done).toBe(6)
  expect(backend.mostInFlight).toBe(4)
  expect(mostAfter).toBeLessThanOrEqual(3)
})

it.each(['upstream_authentication', 'upstream_quota', 'budget_exhausted'])(
  'ends the run at %s, leaving the rows to a later one',
  async (code) => {
    const folder = makeFolder()
    const rows = Array.from({ length: 20 }, (_, row) => (row === 3 ? `[fail:${code}:1] row` : `row ${row}`))
    const backend = new WatchedBackend({ ...PAID })
    const { summary } = await tryBatch({ folder, rows, backend })
    expect(summary).toMatchObject({ done: 3, failed: 0, unknown: 0, pending: 17, exitCode: 1, endedBy: { code } })
    const again = await tryBatch({ folder, rows, backend })
    expect(again.summary).toMatchObject({ skipped: 3, done: 17, exitCode: 0 })
  },
)

it('ends the run after as many failures as allowed', async () => {
  const rows = Array.from({ length: 50 }, (_, row) => (row % 2 === 0 ? '[fail:content_policy] row' : `row ${row}`))
  const { summary } = await tryBatch({
    folder: makeFolder(),
    rows,
    settings: { maxFailures: 3 },
    backend: new WatchedBackend(ONE_AT_A_TIME),
  })
  expect(summary.failed).toBeGreaterThanOrEqual(3)
  expect(summary.failed).toBeLessThanOrEqual(5)
  expect(summary.pending).toBeGreaterThan(40)
  expect(summary.endedBy?.message).toContain('--max_failures')
})

it('sets a row apart that killed two workers, and leaves it so until it is asked for', async () => {
  const folder = makeFolder()
  const rows = ['fox', '[fail:worker_crashed] owl', 'bear']
  const first = new WatchedBackend()
  const { summary } = await tryBatch({ folder, rows, backend: first, settings: { maxRetries: 9 } })
  expect(first.requests.filter(({ prompt }) => prompt.includes('owl'))).toHaveLength(2)
  expect(summary).toMatchObject({ done: 2, failed: 1, exitCode: 1 })
  expect(
    readLedger(folder)
      .filter(({ index }) => index === 1)
      .at(-1),
  ).toMatchObject({ status: 'poison', error: { code: 'poison' } })
  const second = new WatchedBackend()
  const resumed = await tryBatch({ folder, rows, backend: second })
  expect(second.requests).toHaveLength(0)
  expect(resumed.summary).toMatchObject({ skipped: 2, failed: 1, exitCode: 1 })
  const third = new WatchedBackend()
  await tryBatch({ folder, rows, backend: third, settings: { retryFailed: true } })
  expect(third.requests).not.toHaveLength(0)
})

it('survives one crash of a worker without counting the row as failed', async () => {
  const folder = makeFolder()
  const { summary } = await tryBatch({ folder, rows: ['[fail:worker_crashed:1] fox'] })
  expect(summary).toMatchObject({ done: 1, failed: 0, exitCode: 0 })
})

it('records a request without an answer as unknown, and repeats it only when asked', async () => {
  const folder = makeFolder()
  const rows = ['[fail:upstream_ambiguous:1] fox', 'owl']
  const backend = new WatchedBackend(PAID)
  const { summary } = await tryBatch({ folder, rows, backend })
  expect(summary).toMatchObject({ done: 1, unknown: 1, failed: 0, pending: 0, exitCode: 1 })
  expect(summary.advice).toContain('--retry_ambiguous')
  expect(lastStatuses(folder)[0]).toBe('unknown')
  const sent = backend.requests.length
  expect((await tryBatch({ folder, rows, backend })).summary).toMatchObject({ skipped: 1, unknown: 1, exitCode: 1 })
  expect(backend.requests).toHaveLength(sent)
  expect((await tryBatch({ folder, rows, backend, settings: { retryAmbiguous: true } })).summary).toMatchObject({
    done: 1,
    unknown: 0,
    exitCode: 0,
  })
})

it('writes down its intent before a request leaves for a paid API, and not for a local one', async () => {
  const folder = makeFolder()
  let seen: string | undefined
  const backend = new WatchedBackend({
    ...PAID,
    before: () => {
      seen = lastStatuses(folder)[0]
    },
  })
  await tryBatch({ folder, rows: ['fox'], backend })
  expect(seen).toBe('started')
  expect(readLedger(folder).map(({ status }) => status)).toEqual(['started', 'done'])
  const local = makeFolder()
  await tryBatch({ folder: local, rows: ['fox'] })
  expect(readLedger(local).map(({ status }) => status)).toEqual(['done'])
})

it('does not send a started paid row again after a kill, and runs a local one again', async () => {
  const rows = ['fox', 'owl']
  const { appendFileSync } = await import('node:fs')
  const [paid, local] = [makeFolder(), makeFolder()]
  for (const folder of [paid, local]) {
    await tryBatch({ folder, rows, settings: { filterRows: '0' } })
    appendFileSync(`${folder}/ledger.jsonl`, '{"index":1,"status":"started","attempt":1,"outputs":[],"ms":0}\n')
  }
  const backend = new WatchedBackend(PAID)
  expect((await tryBatch({ folder: paid, rows, backend })).summary).toMatchObject({ skipped: 1, unknown: 1, exitCode: 1 })
  expect(backend.requests).toHaveLength(0)
  expect((await tryBatch({ folder: local, rows })).summary).toMatchObject({ skipped: 1, done: 1, exitCode: 0 })
})

it('does not draw again what one call of a row brought already when the next call fails', async () => {
  const folder = makeFolder()
  let calls = 0
  const backend = new WatchedBackend({
    ...PAID,
    maxImagesPerCall: 1,
    before: () => {
      if (++calls === 3) throw new DiffgentorError('upstream_unavailable', 'Not now.')
    },
  })
  const { summary } = await tryBatch({ folder, rows: [{ prompt: 'fox', n: 4 }], backend })
  expect(summary).toMatchObject({ done: 1, images: 4 })
  expect(backend.requests.map(({ seeds }) => seeds![0])).toEqual([1, 2, 3, 3, 4])
  expect(Object.keys(listPictures(folder))).toHaveLength(4)
})

it('pauses once, restarts the backend and goes on when a fault of everybody goes away', async () => {
  const folder = makeFolder()
  let isBroken = true
  const clock = new InstantClock()
  const backend = new WatchedBackend({
    ...ONE_AT_A_TIME,
    before: () => {
      if (isBroken) throw new DiffgentorError('internal', 'The graphics card fell off.')
    },
  })
  backend.restart = async () => {
    isBroken = false
  }
  const rows = Array.from({ length: 12 }, (_, row) => `row ${row}`)
  const { summary, events } = await tryBatch({ folder, rows, backend, clock })
  expect(clock.waits).toContain(30_000)
  expect(sentencesOf(events, 'notice')).toEqual([expect.stringContaining('The graphics card fell off.')])
  expect(summary).toMatchObject({ done: 12, failed: 0, exitCode: 0 })
})

it('stops with the rows pending when the same fault stays after the pause', async () => {
  const folder = makeFolder()
  const clock = new InstantClock()
  const backend = new WatchedBackend({
    concurrency: 3,
    before: () => {
      throw new DiffgentorError('internal', 'The graphics card fell off.')
    },
  })
  const rows = Array.from({ length: 100 }, (_, row) => `row ${row}`)
  const { summary } = await tryBatch({ folder, rows, backend, clock })
  expect(backend.restarts).toBe(1)
  expect(clock.waits.filter((ms) => ms === 30_000)).toHaveLength(1)
  expect(summary).toMatchObject({ done: 0, failed: 0, pending: 100, exitCode: 1, endedBy: { code: 'systemic_fault' } })
  expect(summary.endedBy!.message).toContain('The graphics card fell off.')
  expect(backend.requests.length).toBeLessThan(20)
  expect((await tryBatch({ folder, rows })).summary).toMatchObject({ done: 100, exitCode: 0 })
})

it('goes on after the pause when the row that is tried again fails for a reason of its own', async () => {
  const folder = makeFolder()
  let isBroken = true
  const backend = new WatchedBackend({
    ...ONE_AT_A_TIME,
    before: ({ prompt }) => {
      if (isBroken) throw new DiffgentorError('internal', 'The graphics card fell off.')
      if (prompt === 'row 0') throw new DiffgentorError('content_policy', 'Not that.')
    },
  })
  backend.restart = async () => {
    isBroken = false
  }
  const rows = Array.from({ length: 8 }, (_, row) => `row ${row}`)
  const { summary } = await tryBatch({ folder, rows, backend })
  expect(summary).toMatchObject({ done: 7, failed: 1, pending: 0, exitCode: 1 })
  expect(lastStatuses(folder)[0]).toBe('failed')
})

it('lets a row finish that has some of its pictures when the run is to end', async () => {
  const folder = makeFolder()
  const drain = new AbortController()
  const clock = new InstantClock()
  clock.wait = async (_, signal) =>
    await new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const before = ({ prompt, seeds }: ImageRequest) => {
    if (prompt === 'fox' && seeds![0] === 2) drain.abort()
  }
  const backend = new WatchedBackend({ ...ONE_AT_A_TIME, maxImagesPerCall: 1, before })
  const rows = [{ prompt: 'fox', n: 4 }, ...Array.from({ length: 20 }, (_, row) => `row ${row}`)]
  const { summary } = await tryBatch({ folder, rows, backend, drain: drain.signal, clock })
  expect(summary.interrupted).toBe(true)
  expect(summary.pending).toBeGreaterThan(10)
  expect(readLedger(folder).find(({ index }) => index === 0)).toMatchObject({ status: 'done', outputs: { length: 4 } })
})

it('does not take different errors, or a row between them that went well, for one fault', async () => {
  const rows = Array.from({ length: 20 }, (_, row) => (row % 5 === 4 ? `row ${row}` : '[fail:internal] row'))
  const { summary } = await tryBatch({ folder: makeFolder(), rows, backend: new WatchedBackend(ONE_AT_A_TIME) })
  expect(summary).toMatchObject({ done: 4, failed: 16, exitCode: 1 })
})

it('does not take refusals of single rows for a fault of everybody', async () => {
  const rows = Array.from({ length: 20 }, () => '[fail:content_policy] row')
  const { summary } = await tryBatch({ folder: makeFolder(), rows, backend: new WatchedBackend(ONE_AT_A_TIME) })
  expect(summary).toMatchObject({ failed: 20, pending: 0, exitCode: 1 })
  expect(summary.endedBy).toBeUndefined()
})

it('asks the gate before each request, tells it the outcome and keeps the cost in the ledger', async () => {
  const folder = makeFolder()
  const outcomes: (string | undefined)[] = []
  const begun: number[] = []
  const gate = {
    begin: (spentUsd: number) => void begun.push(spentUsd),
    reserve: () => ({
      settle: ({ error }: { error?: DiffgentorError | undefined }) => {
        outcomes.push(error?.code)
        return error ? undefined : 0.04
      },
    }),
  }
  const rows = ['[fail:upstream_unavailable:1] fox', 'owl']
  const first = await tryBatch({ folder, rows, gate, backend: new WatchedBackend(PAID) })
  expect(outcomes.sort()).toEqual(['upstream_unavailable', undefined, undefined])
  expect(first.summary.usage.costUsd).toBeCloseTo(0.08)
  expect(
    readLedger(folder)
      .filter(({ status }) => status === 'done')
      .map(({ cost_usd }) => cost_usd),
  ).toEqual([0.04, 0.04])
  await tryBatch({ folder, rows: [...rows, 'bear'], gate, backend: new WatchedBackend(PAID) })
  expect(begun).toEqual([0, 0.08])
})

it('leaves a row pending when the gate has no money for it', async () => {
  const folder = makeFolder()
  let left = 2
  const gate = {
    reserve: () => {
      if (left-- === 0) throw new DiffgentorError('budget_exhausted', 'The budget is used up.')
      return { settle: () => 1 }
    },
  }
  const rows = ['fox', 'owl', 'bear', 'cat']
  const { summary } = await tryBatch({ folder, rows, gate, backend: new WatchedBackend(PAID) })
  expect(summary).toMatchObject({
    done: 2,
    pending: 2,
    unknown: 0,
    failed: 0,
    exitCode: 1,
    endedBy: { code: 'budget_exhausted' },
  })
  expect(lastStatuses(folder)).toEqual({ 0: 'done', 1: 'done' })
})
