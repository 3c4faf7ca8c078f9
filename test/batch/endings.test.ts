import fs, { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Clock } from '../../src/batch/clock.ts'
import { LedgerWriter } from '../../src/batch/ledger-writer.ts'
import { DiffgentorError } from '../../src/errors.ts'
import { InstantClock, lastStatuses, listPictures, makeFolder, readLedger, tryBatch, WatchedBackend } from './batch-harness.ts'

/** A clock whose long waits end when the test says so. */
class HeldClock implements Clock {
  readonly now = Date.now
  readonly #held: (() => void)[] = []

  async wait(_: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      this.#held.push(resolve)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  release(): void {
    for (const resolve of this.#held.splice(0)) resolve()
  }
}

const ROWS = Array.from({ length: 30 }, (_, row) => `row ${row}`)

it('takes no new rows after a first stop, and lets rows in flight finish', async () => {
  const folder = makeFolder()
  const drain = new AbortController()
  const backend = new WatchedBackend({
    concurrency: 3,
    before: async ({ prompt }, { onProgress }) => {
      onProgress?.({ phase: 'start' })
      if (prompt === 'row 4') drain.abort()
      await new Promise((resolve) => setTimeout(resolve, 2))
    },
  })
  const { summary } = await tryBatch({ rows: ROWS, folder, backend, drain: drain.signal, clock: new HeldClock() })
  expect(summary).toMatchObject({ interrupted: true, failed: 0, exitCode: 1 })
  expect(summary.done).toBe(backend.requests.length)
  expect(summary.done).toBeLessThan(10)
  expect(summary.pending).toBe(30 - summary.done)
  expect(Object.keys(listPictures(folder))).toHaveLength(summary.done)
})

it('takes back rows that only wait their turn at a local model', async () => {
  const folder = makeFolder()
  const drain = new AbortController()
  const backend = new WatchedBackend({
    concurrency: 4,
    before: async ({ prompt }, { onProgress, signal }) => {
      if (prompt !== 'row 3')
        return await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      onProgress?.({ phase: 'start' })
      drain.abort()
    },
  })
  const { summary } = await tryBatch({ rows: ROWS, folder, backend, drain: drain.signal, clock: new HeldClock() })
  expect(summary).toMatchObject({ interrupted: true, done: 1, failed: 0, pending: 29 })
  expect(lastStatuses(folder)).toEqual({ 3: 'done' })
})

it('drops rows in flight that take too long to finish', async () => {
  const folder = makeFolder()
  const drain = new AbortController()
  const clock = new HeldClock()
  const backend = new WatchedBackend({
    concurrency: 2,
    before: ({ prompt }) => {
      if (!prompt.includes('hang')) return
      drain.abort()
      setImmediate(() => clock.release())
    },
  })
  const rows = ['row', '[hang] row', ...ROWS]
  const { summary } = await tryBatch({ rows, folder, backend, drain: drain.signal, clock })
  expect(summary.interrupted).toBe(true)
  expect(lastStatuses(folder)[1]).toBeUndefined()
  expect(summary.pending).toBeGreaterThan(20)
})

it('drops rows in flight at once at a second stop, and keeps what is recorded', async () => {
  const folder = makeFolder()
  const stop = new AbortController()
  const backend = new WatchedBackend({
    concurrency: 2,
    before: ({ prompt }) => void (prompt.includes('hang') && setTimeout(() => stop.abort(), 20)),
  })
  const rows = ['a', 'b', '[hang] c', ...ROWS.map((row) => `[hang] ${row}`)]
  const { summary } = await tryBatch({ rows, folder, backend, signal: stop.signal })
  expect(summary).toMatchObject({ interrupted: true, done: 2, failed: 0 })
  expect(Object.keys(listPictures(folder))).toEqual(['000000.png', '000001.png'])
})

it('records a paid request that was dropped as unknown: it may have been billed', async () => {
  const folder = makeFolder()
  const stop = new AbortController()
  const backend = new WatchedBackend({ paid: true, concurrency: 1, before: () => void setTimeout(() => stop.abort(), 5) })
  const { summary } = await tryBatch({ rows: ['[hang] a', 'b'], folder, backend, signal: stop.signal })
  expect(summary).toMatchObject({ unknown: 1, pending: 1 })
  expect(lastStatuses(folder)).toEqual({ 0: 'unknown' })
})

it('does not wait for a pause before a repeat when the run is to end', async () => {
  const drain = new AbortController()
  const backend = new WatchedBackend()
  const { summary } = await tryBatch({
    rows: ['[fail:upstream_unavailable] a'],
    folder: makeFolder(),
    backend,
    drain: drain.signal,
    clock: new HeldClock(),
    onEvent: (event) => event.type === 'row-retry' && drain.abort(),
  })
  expect(backend.requests).toHaveLength(1)
  expect(summary).toMatchObject({ pending: 1, failed: 0, interrupted: true })
})

it('writes the results on an interrupt', async () => {
  const folder = makeFolder()
  const drain = new AbortController()
  const outputCsv = join(folder, 'results.csv')
  const backend = new WatchedBackend({ concurrency: 1, before: ({ prompt }) => void (prompt === 'row 2' && drain.abort()) })
  const { summary } = await tryBatch({
    rows: ROWS,
    folder,
    backend,
    drain: drain.signal,
    settings: { outputCsv },
    clock: new HeldClock(),
  })
  const lines = readFileSync(outputCsv, 'utf8').trim().split('\n')
  expect(lines).toHaveLength(1 + summary.done)
})

it('releases the folder however the run ends', async () => {
  const folder = makeFolder()
  await expect(tryBatch({ rows: ROWS, folder, settings: { filterRows: 'x' } })).rejects.toThrow()
  await tryBatch({ rows: ROWS, folder })
  await expect(tryBatch({ rows: ROWS, folder, settings: { seed: 3 } })).rejects.toThrow('seed')
  expect(readdirSync(folder).filter((name) => name.includes('lock'))).toEqual([])
})

it('stops with the rows pending when the disk is full, and goes on after space is made', async () => {
  const folder = makeFolder()
  const open = fs.open
  let left = 5
  const backend = new WatchedBackend({ concurrency: 2 })
  // A disk that takes so many more files.
  fs.open = ((path: string, ...rest: never[]) => {
    const done = (rest as unknown[]).at(-1) as (error: unknown) => void
    if (String(path).endsWith('.dgpart') && !/r-\d+\.dgpart$/.test(String(path)) && left-- <= 0)
      return done(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }))
    return (open as (...all: unknown[]) => void)(path, ...rest)
  }) as typeof fs.open
  let summary: Awaited<ReturnType<typeof tryBatch>>['summary']
  try {
    summary = (await tryBatch({ rows: ROWS, folder, backend })).summary
  } finally {
    fs.open = open
  }
  expect(summary).toMatchObject({ failed: 0, exitCode: 1, endedBy: { code: 'disk_full' } })
  expect(summary.done + summary.pending).toBe(30)
  expect(summary.pending).toBeGreaterThanOrEqual(20)
  expect(Object.keys(listPictures(folder)).every((name) => name.endsWith('.png'))).toBe(true)
  expect((await tryBatch({ rows: ROWS, folder })).summary).toMatchObject({ pending: 0, exitCode: 0 })
})

it('cuts the ledger back to its last whole line when the disk takes only a part of one', async () => {
  const path = join(makeFolder(), 'ledger.jsonl')
  let isFull = false
  const files = {
    ...fs,
    write: ((
      fd: number,
      bytes: Uint8Array,
      offset: number,
      length: number,
      position: null,
      done: (error: unknown, written: number) => void,
    ) => {
      if (!isFull) return fs.write(fd, bytes, offset, length, position, done)
      fs.writeSync(fd, bytes, offset, 10)
      done(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }), 0)
    }) as unknown as typeof fs.write,
  }
  const entry = { index: 0, position: 0, status: 'done' as const, attempt: 1, outputs: [], ms: 1 }
  const writer = new LedgerWriter(path, 0, files)
  await writer.append(entry)
  const whole = readFileSync(path, 'utf8')
  isFull = true
  const failing = [writer.append({ ...entry, index: 1 }), writer.append({ ...entry, index: 2 })]
  for (const promise of await Promise.allSettled(failing)) {
    expect(promise).toMatchObject({ status: 'rejected', reason: { code: 'disk_full' } })
  }
  await expect(writer.append(entry)).rejects.toBeInstanceOf(DiffgentorError)
  await writer.close()
  expect(readFileSync(path, 'utf8')).toBe(whole)
})

it('fails one row with one sentence when a folder stands where its picture should go', async () => {
  const folder = makeFolder()
  fs.mkdirSync(join(folder, '000001.png'))
  writeFileSync(join(folder, '000001.png', 'keep'), '')
  const { summary } = await tryBatch({ rows: ['a', 'b', 'c'], folder })
  expect(summary).toMatchObject({ done: 2, failed: 1 })
  expect(readLedger(folder).find(({ index }) => index === 1)!.error).toMatchObject({ code: 'invalid_output_name' })
})

it('refuses an output folder that is a file', async () => {
  const path = join(makeFolder(), 'file')
  writeFileSync(path, '')
  await expect(tryBatch({ rows: ['a'], folder: path })).rejects.toThrow(/cannot be written/)
})

it('counts time by its clock', async () => {
  const clock = new InstantClock()
  const { summary } = await tryBatch({
    rows: ['[fail:upstream_unavailable:1] a'],
    folder: makeFolder(),
    clock,
    random: () => 1 - Number.EPSILON,
  })
  expect(summary.wallMs).toBe(1000)
})
