import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formatLedgerLine, type LedgerEntry, parseLedgerLine } from '../../src/batch/ledger-entry.ts'
import { readCost, scanLedger } from '../../src/batch/ledger-scan.ts'
import { LedgerStore } from '../../src/batch/ledger-store.ts'
import { runFilesOf } from '../../src/batch/run-files.ts'
import { makeFolder } from './batch-harness.ts'

const entry = fc.record<LedgerEntry>({
  index: fc.maxSafeNat(),
  position: fc.maxSafeNat(),
  status: fc.constantFrom('started', 'done', 'failed', 'unknown', 'suspect', 'poison'),
  attempt: fc.nat(100),
  outputs: fc.array(
    fc.record({ file: fc.string({ unit: 'grapheme' }), bytes: fc.nat(), sha256: fc.constant('ab'), seed: fc.nat() }),
    { maxLength: 2 },
  ),
  ms: fc.nat(),
  error: fc.option(fc.record({ code: fc.constant('internal' as const), message: fc.string(), retryable: fc.boolean() }), {
    nil: undefined,
  }),
  usage: fc.option(
    fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat(), costUsd: fc.double({ min: 0, max: 1e3, noNaN: true }) }),
    { nil: undefined },
  ),
})

function scan(path: string, chunkBytes: number) {
  const lines: { index: number; position: number; status: string; cost: number; text: string }[] = []
  const scanning = scanLedger(
    path,
    (line) => {
      const { index, position, status, bytes, start, end } = line
      lines.push({ index, position, status, cost: readCost(line), text: bytes.toString('utf8', start, end) })
    },
    chunkBytes,
  )
  let step = scanning.next()
  while (!step.done) step = scanning.next()
  return { lines, ...step.value }
}

it('reads back what it wrote, whatever the entries, the chunks and the torn end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-ledger-'))
  const path = join(folder, 'ledger.jsonl')
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), fc.integer({ min: 1, max: 700 }), fc.nat(), (entries, chunkBytes, tear) => {
      const whole = entries.map(formatLedgerLine)
      const last = Buffer.from(formatLedgerLine({ index: 0, position: 0, status: 'done', attempt: 1, outputs: [], ms: 0 }))
      const torn = last.subarray(0, tear % last.length)
      writeFileSync(path, Buffer.concat([Buffer.from(whole.join('')), torn]))
      const found = scan(path, chunkBytes)
      expect(found.wholeBytes).toBe(Buffer.byteLength(whole.join('')))
      expect(found.unreadableLines).toEqual([])
      expect(found.lines.map(({ index, position, status }) => ({ index, position, status }))).toEqual(
        entries.map(({ index, position, status }) => ({ index, position, status })),
      )
      expect(found.lines.map(({ cost }) => cost)).toEqual(entries.map(({ usage }) => usage?.costUsd ?? 0))
      for (const [at, { text }] of found.lines.entries())
        expect(parseLedgerLine(text)).toMatchObject(JSON.parse(JSON.stringify(entries[at])))
    }),
    { numRuns: 300 },
  )
  rmSync(folder, { recursive: true })
})

it('has the fields that the documentation names', () => {
  const line = formatLedgerLine({
    index: 3,
    position: 3,
    status: 'failed',
    attempt: 2,
    outputs: [],
    ms: 12,
    error: { code: 'timeout', message: 'Too late.', retryable: true },
  })
  expect(line).toBe(
    '{"index":3,"status":"failed","attempt":2,"outputs":[],"ms":12,"error":{"code":"timeout","message":"Too late.","retryable":true}}\n',
  )
})

it('tells the last line of each row while the ledger grows, over several ledgers', async () => {
  const folder = makeFolder()
  const line = (position: number, attempt: number): LedgerEntry => ({
    index: position,
    position,
    status: 'done',
    attempt,
    outputs: [],
    ms: 0,
  })
  mkdirSync(join(folder, 'shards/node-0-of-2'), { recursive: true })
  writeFileSync(join(folder, 'shards/node-0-of-2/ledger.jsonl'), [line(0, 10), line(2, 10)].map(formatLedgerLine).join(''))
  writeFileSync(join(folder, 'ledger.jsonl'), [line(2, 20), line(3, 20)].map(formatLedgerLine).join(''))
  const store = await LedgerStore.open(runFilesOf(folder, { nodeRank: 0, numNodes: 1 }), 6)
  expect([0, 1, 2, 3].map((position) => store.read(position)?.attempt)).toEqual([10, undefined, 20, 20])
  await Promise.all([store.append(line(1, 30)), store.append(line(3, 30)), store.append({ ...line(5, 30), status: 'failed' })])
  expect([0, 1, 2, 3].map((position) => store.read(position)?.attempt)).toEqual([10, 30, 20, 30])
  expect(store.states.get(5)).toBe('failed')
  await store.close()
  expect(readFileSync(join(folder, 'ledger.jsonl'), 'utf8').split('\n')).toHaveLength(6)
})

it('writes lines that come together with one flush', async () => {
  const folder = makeFolder()
  const fs = await import('node:fs')
  const { LedgerWriter } = await import('../../src/batch/ledger-writer.ts')
  let flushes = 0
  const files = {
    ...fs.default,
    fdatasync: ((fd: number, done: () => void) => {
      flushes++
      fs.fdatasync(fd, done)
    }) as typeof fs.fdatasync,
  }
  const writer = new LedgerWriter(join(folder, 'ledger.jsonl'), 0, files)
  const entries = Array.from({ length: 500 }, (_, position) => ({
    index: position,
    position,
    status: 'done' as const,
    attempt: 1,
    outputs: [],
    ms: 0,
  }))
  await Promise.all(entries.map((one) => writer.append(one)))
  await writer.close()
  expect(flushes).toBeLessThanOrEqual(2)
})
