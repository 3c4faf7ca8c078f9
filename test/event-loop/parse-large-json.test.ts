import { describe, expect, it } from 'vitest'
import { parseLargeJson } from '../../src/event-loop/parse-large-json.ts'

const picture = Buffer.from(Uint8Array.from({ length: 100_001 }, (_, at) => (at * 7919) % 256))
const base64 = picture.toString('base64')

/** Bytes with memory of their own, as joined pieces of a body have. */
function toBytes(value: unknown): Uint8Array {
  return Uint8Array.from(Buffer.from(JSON.stringify(value)))
}

/** The parsed value with its bytes as base64, which is faster to compare. */
async function parse(value: unknown): Promise<unknown> {
  const parsed = await parseLargeJson([toBytes(value)])
  const text = JSON.stringify(parsed, (_, inner) =>
    inner instanceof Uint8Array ? { bytes: Buffer.from(inner).toString('base64') } : inner,
  )
  return JSON.parse(text)
}

describe('JSON that is parsed in a thread', () => {
  it('is the same value, with long base64 texts decoded', async () => {
    const value = {
      created: 1,
      data: [{ b64_json: base64, note: 'ein Äpfel', url: `data:image/png;base64,${base64}` }],
      more: [null, 0.5],
    }
    expect(await parse(value)).toEqual({
      created: 1,
      data: [{ b64_json: { bytes: base64 }, note: 'ein Äpfel', url: { bytes: base64 } }],
      more: [null, 0.5],
    })
  })

  it('is the same value in whatever pieces it comes', async () => {
    const bytes = toBytes({ é: base64, n: 5 })
    const inPieces = (size: number) =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, place) => bytes.slice(place * size, (place + 1) * size))
    for (const size of [100, 4096, 65_536]) {
      const { é, n } = (await parseLargeJson(inPieces(size))) as { é: Uint8Array; n: number }
      expect([Buffer.compare(é, picture), n]).toEqual([0, 5])
    }
  })

  it('keeps long texts that are no base64, and short ones that are', async () => {
    const value = { prompt: 'a red apple, '.repeat(10_000), short: base64.slice(0, 1000) }
    expect(await parse(value)).toEqual(value)
  })

  it('takes base64 with line breaks and in the form for addresses', async () => {
    const wrapped = base64.replace(/.{76}/g, '$&\r\n')
    const forUrls = picture.toString('base64url')
    expect(await parse({ wrapped, forUrls })).toEqual({ wrapped: { bytes: base64 }, forUrls: { bytes: base64 } })
  })

  it('moves bytes that fill their memory, and copies a part of a larger memory', async () => {
    const own = toBytes({ b64_json: base64 })
    const shared = new Uint8Array(own.byteLength + 10)
    shared.set(own)
    await parseLargeJson([shared.subarray(0, own.byteLength)])
    expect(shared.byteLength).toBe(own.byteLength + 10)
    await parseLargeJson([own])
    expect(own.byteLength).toBe(0)
  })

  it('lets the event loop turn while it works', async () => {
    const bytes = toBytes({ b64_json: base64.repeat(120) })
    let turns = 0
    const turn = () => {
      turns++
      ticker = setImmediate(turn)
    }
    let ticker = setImmediate(turn)
    await parseLargeJson([bytes])
    clearImmediate(ticker)
    expect(turns).toBeGreaterThan(10)
  })

  it('is a SyntaxError when it is broken, nests too deep or holds too many values, and the next text is read', async () => {
    for (const text of ['{"a": ', '['.repeat(5_000_000), `[${'0,'.repeat(1_000_001)}0]`]) {
      await expect(parseLargeJson([Buffer.from(text)])).rejects.toThrow(SyntaxError)
    }
    expect(await parseLargeJson([toBytes({ fine: true })])).toEqual({ fine: true })
  })

  it('comes to everyone when many ask at once', async () => {
    const values = Array.from({ length: 12 }, (_, at) => ({ at, b64_json: base64 }))
    expect(await Promise.all(values.map(parse))).toEqual(values.map(({ at }) => ({ at, b64_json: { bytes: base64 } })))
  })
})
