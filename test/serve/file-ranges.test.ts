import { describe, expect, it } from 'vitest'
import { generate, readJson, startTestServer } from './test-server.ts'

/** A stored picture: its address and all of its bytes. */
async function storePicture(): Promise<{ url: string; bytes: Buffer; tag: string }> {
  const server = await startTestServer()
  const { data } = await readJson(await generate(server, { prompt: 'x', n: 2, size: '300x200', response_format: 'url' }))
  const { url } = data[1]
  const whole = await fetch(url)
  return { url, bytes: Buffer.from(await whole.arrayBuffer()), tag: whole.headers.get('etag') ?? '' }
}

const ask = async (url: string, headers: Record<string, string>) => {
  const response = await fetch(url, { headers })
  return { response, bytes: Buffer.from(await response.arrayBuffer()) }
}

describe('a stored picture', () => {
  it.each([
    ['bytes=0-9', 0, 9],
    ['bytes=100-', 100, undefined],
    ['bytes=-7', -7, undefined],
    ['bytes=5-99999999', 5, undefined],
    ['bytes=-99999999', 0, undefined],
    ['Bytes=3-3', 3, 3],
  ])('answers the part that "%s" means', async (range, first, last) => {
    const { url, bytes } = await storePicture()
    const start = first < 0 ? bytes.length + first : first
    const end = last ?? bytes.length - 1
    const { response, bytes: part } = await ask(url, { range })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/${bytes.length}`)
    expect(response.headers.get('content-length')).toBe(String(end - start + 1))
    expect(response.headers.get('content-type')).toBe('image/png')
    expect(part.equals(bytes.subarray(start, end + 1))).toBe(true)
  })

  it.each(['bytes=9-3', 'bytes=a-b', 'bytes=-', 'items=0-3', 'bytes=0-1,5-6'])('is answered whole for "%s"', async (range) => {
    const { url, bytes } = await storePicture()
    const { response, bytes: whole } = await ask(url, { range })
    expect([response.status, response.headers.get('content-range')]).toEqual([200, null])
    expect(whole.equals(bytes)).toBe(true)
  })

  it.each(['bytes=99999999-', 'bytes=-0'])('has nothing to answer for "%s"', async (range) => {
    const { url, bytes } = await storePicture()
    const { response, bytes: body } = await ask(url, { range })
    expect([response.status, response.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`])
    expect(JSON.parse(body.toString()).error.message).toContain(`${bytes.length} bytes`)
  })

  it('answers a part only of the content that the caller began with', async () => {
    const { url, bytes, tag } = await storePicture()
    expect((await ask(url, { range: 'bytes=0-3', 'if-range': tag })).response.status).toBe(206)
    for (const other of ['"other"', 'Sat, 21 Nov 2026 12:00:00 GMT', `W/${tag}`]) {
      const { response, bytes: whole } = await ask(url, { range: 'bytes=0-3', 'if-range': other })
      expect([response.status, whole.length]).toEqual([200, bytes.length])
    }
  })

  it('is not sent again to a caller who has it', async () => {
    const { url, tag } = await storePicture()
    const { response, bytes } = await ask(url, { 'if-none-match': `"other", W/${tag}` })
    expect([response.status, bytes.length, response.headers.get('etag')]).toEqual([304, 0, tag])
    expect((await ask(url, { 'if-none-match': '"other"' })).response.status).toBe(200)
  })

  it('tells its size, and that parts of it can be had, without being sent', async () => {
    const { url, bytes } = await storePicture()
    const response = await fetch(url, { method: 'HEAD', headers: { range: 'bytes=0-3' } })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe(String(bytes.length))
    expect(response.headers.get('accept-ranges')).toBe('bytes')
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="[\w-]+-1\.png"$/)
  })

  it('can be read to its end in pieces', async () => {
    const server = await startTestServer()
    const body = { prompt: 'x', size: '2048x1024', output_format: 'png', response_format: 'url' }
    const { data } = await readJson(await generate(server, body))
    const { bytes: whole } = await ask(data[0].url, {})
    const half = Math.floor(whole.length / 2)
    const parts = [await ask(data[0].url, { range: `bytes=0-${half}` }), await ask(data[0].url, { range: `bytes=${half + 1}-` })]
    expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(whole)).toBe(true)
  })
})
