import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hashBytes } from '../../src/event-loop/hash-bytes.ts'
import { joinPieces } from '../../src/event-loop/join-pieces.ts'
import { takeTurns } from '../../src/event-loop/take-turns.ts'

/** How often others had their turn while `work` ran. */
async function countTurns(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  const turn = () => {
    turns++
    ticker = setImmediate(turn)
  }
  let ticker = setImmediate(turn)
  await work()
  clearImmediate(ticker)
  return turns
}

describe('long work on the event loop', () => {
  it('covers every item once, in order, in parts that are not too large', async () => {
    const parts: [number, number][] = []
    await takeTurns(10, 4, (start, end) => parts.push([start, end]))
    expect(parts).toEqual([
      [0, 4],
      [4, 8],
      [8, 10],
    ])
  })

  it('joins pieces of any length to the same bytes', async () => {
    const pieces = [3, 0, 70_000, 2_500_000, 1, 900_000].map((length, at) => new Uint8Array(length).fill(at + 1))
    expect(Buffer.compare(await joinPieces(pieces), Buffer.concat(pieces))).toBe(0)
    expect((await joinPieces([])).byteLength).toBe(0)
  })

  it('gives what it joined memory of its own, so that it can be moved', async () => {
    const joined = await joinPieces([new Uint8Array(1_000_000), new Uint8Array(1_000_000)])
    expect(joined.buffer.byteLength).toBe(2_000_000)
  })

  it('hashes as one call would', async () => {
    const bytes = Uint8Array.from({ length: 3_000_001 }, (_, at) => at % 251)
    expect(await hashBytes(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(await hashBytes(new Uint8Array(0))).toBe(createHash('sha256').digest('hex'))
  })

  it('lets others have their turn every megabyte', async () => {
    const bytes = new Uint8Array(16 * 1024 * 1024)
    expect(await countTurns(() => hashBytes(bytes))).toBeGreaterThanOrEqual(15)
    expect(await countTurns(() => joinPieces([bytes, bytes.subarray(0, 10)]))).toBeGreaterThanOrEqual(15)
  })
})
