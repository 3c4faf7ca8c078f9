import { randomFillSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Enclosures } from '../../../src/backends/hosted/enclosures.ts'

const makeBytes = (length: number) => randomFillSync(Buffer.alloc(length))

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const collected: Uint8Array[] = []
  for await (const piece of pieces) collected.push(piece)
  return collected
}

describe('enclosures', () => {
  it('put pictures where an SDK wrote their marks, as text and as they are', async () => {
    const enclosures = new Enclosures()
    const [first, second] = [makeBytes(1000), makeBytes(500_001)]
    const written = JSON.stringify({ é: enclosures.asText(second), again: enclosures.asText(first) })
    const form = `--x\r\n\r\n${await enclosures.asFile({ bytes: first, mime: 'image/png', fileName: 'a.png' }).text()}\r\n--x--`
    const { length, pieces } = enclosures.fill(Buffer.from(written + form))
    const sent = Buffer.concat(await collect(pieces()))
    const json = JSON.stringify({ é: second.toString('base64'), again: first.toString('base64') })
    expect(sent.equals(Buffer.concat([Buffer.from(`${json}--x\r\n\r\n`), first, Buffer.from('\r\n--x--')]))).toBe(true)
    expect(length).toBe(sent.length)
    expect(Buffer.concat(await collect(pieces())).equals(sent)).toBe(true)
  })

  it('go out in small pieces, however large the pictures are', async () => {
    const enclosures = new Enclosures()
    const bytes = makeBytes(3_000_000)
    const marks = enclosures.asText(bytes) + (await enclosures.asFile({ bytes, mime: 'image/png', fileName: 'a' }).text())
    const pieces = await collect(enclosures.fill(Buffer.from(marks)).pieces())
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(256 * 1024)
    expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(4_000_000 + 3_000_000)
  })

  it('leave a body alone that has none', async () => {
    expect(new Enclosures().isEmpty).toBe(true)
    const written = Buffer.from('{"prompt":"x"}')
    expect(Buffer.concat(await collect(new Enclosures().fill(written).pieces())).equals(written)).toBe(true)
  })
})
