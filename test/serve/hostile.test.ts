import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { generate, startTestServer, type TestServer } from './test-server.ts'

const PATHS = [
  '/v1/images/generations',
  '/v1/images/edits',
  '/v1/images/variations',
  '/v1/chat/completions',
  '/v1/jobs',
  '/v1/models',
  '/v1/images/x/content',
  '/v1/jobs/job_0/events',
  '/health',
  '/',
]

const FIELDS = [
  'prompt',
  'n',
  'size',
  'model',
  'response_format',
  'output_format',
  'output_compression',
  'stream',
  'partial_images',
  'seed',
  'num_inference_steps',
  'guidance_scale',
  'true_cfg_scale',
  'negative_prompt',
  'lora',
  'images',
  'image',
  'mask',
  'url',
  'messages',
  'extra_body',
  'scheduler_config',
  'width',
  'height',
  'strength',
  'kind',
  '__proto__',
  'constructor',
  'toString',
]

/** Values near what fields hold, and far from it. Nothing that is valid takes long to draw. */
const value = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom<unknown>(
      'x',
      '',
      1,
      0,
      -1,
      2,
      true,
      null,
      '64x64',
      '0x0',
      'url',
      'file',
      'png',
      'data:image/png;base64,AAAA',
      2 ** 53,
      '1e999',
      'NaN',
      '\0',
      '../../etc/passwd',
    ),
  },
  { weight: 2, arbitrary: fc.string() },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constant([{ role: 'user', content: [{ type: 'image_url', image_url: { url: 5 } }, { text: 'x' }] }]),
  },
)

const jsonBody = fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 8 }).map((fields) => JSON.stringify(fields))

const formBody = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...FIELDS), fc.string()), fc.string(), fc.boolean()), { maxLength: 6 })
  .map((parts) => {
    const lines = parts.map(
      ([name, text, isFile]) =>
        `--x\r\nContent-Disposition: form-data; name="${name}"${isFile ? '; filename="a"' : ''}\r\n\r\n${text}\r\n`,
    )
    return `${lines.join('')}--x--\r\n`
  })

const request = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'POST', 'GET', 'DELETE', 'PUT', 'HEAD', 'OPTIONS', 'PATCH'),
  path: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...PATHS) },
    { weight: 1, arbitrary: fc.webPath().map((path) => `/${path.replace(/^\/+/, '')}`) },
  ),
  type: fc.constantFrom('application/json', 'multipart/form-data; boundary=x', 'multipart/form-data', 'text/plain', ''),
  body: fc.oneof(jsonBody, jsonBody, formBody, fc.string()),
  keepsLength: fc.boolean(),
})

type HostileRequest = typeof request extends fc.Arbitrary<infer R> ? R : never

async function send(server: TestServer, { method, path, type, body, keepsLength }: HostileRequest): Promise<number> {
  const hasBody = !['GET', 'HEAD', 'OPTIONS'].includes(method)
  const content = keepsLength ? body : new Blob([body]).stream()
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': type },
    ...(hasBody && { body: content, duplex: 'half' }),
  } as RequestInit)
  await response.arrayBuffer()
  return response.status
}

describe('a server among strangers', () => {
  it('answers ten thousand malformed requests without a fault of its own', { timeout: 600_000 }, async () => {
    const jobsDir = await mkdtemp(join(tmpdir(), 'diffgentor-jobs-'))
    onTestFinished(() => rm(jobsDir, { recursive: true, force: true }))
    const server = await startTestServer({ settings: { jobsDir, maxQueue: 1000 } })
    const statuses = new Map<number, number>()
    const batches = fc.asyncProperty(fc.array(request, { minLength: 20, maxLength: 20 }), async (requests) => {
      for (const status of await Promise.all(requests.map((one) => send(server, one)))) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        expect(status).toBeLessThan(500)
      }
    })
    await fc.assert(batches, { numRuns: 500, endOnFailure: true })
    expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(10_000)
    expect(statuses.get(200)).toBeGreaterThan(100)
    expect((await generate(server, { prompt: 'x' })).status).toBe(200)
  })

  it('draws for five hundred clients at once', async () => {
    const server = await startTestServer({ settings: { maxQueue: 500, maxConcurrent: 4 } })
    const answers = await Promise.all(
      Array.from({ length: 500 }, async (_, seed) => {
        const response = await generate(server, { prompt: 'x', seed })
        await response.arrayBuffer()
        return [response.status, response.headers.get('x-seed')]
      }),
    )
    expect(answers).toEqual(Array.from({ length: 500 }, (_, seed) => [200, String(seed)]))
    expect(server.services.queue.running + server.services.queue.waiting).toBe(0)
  })

  it('frees the line when a hundred of its clients hang up', async () => {
    const server = await startTestServer({ settings: { maxQueue: 500 } })
    const { release } = server.backend.hold()
    const askUntil = (signal: AbortSignal, stream: boolean) =>
      fetch(`${server.url}/v1/images/generations`, {
        method: 'POST',
        body: JSON.stringify({ prompt: 'x', stream }),
        signal,
      }).catch(() => undefined)
    const drawing = new AbortController()
    const drawn = askUntil(drawing.signal, false)
    await expect.poll(() => server.backend.requests.length).toBe(1)
    const waiting = new AbortController()
    const pending = Array.from({ length: 99 }, (_, place) => askUntil(waiting.signal, place % 2 === 0))
    await expect.poll(() => server.services.queue.waiting).toBe(99)
    waiting.abort()
    await Promise.all(pending)
    // The one at work stays until the line behind it is empty: nobody of the line may have been drawn meanwhile.
    await expect.poll(() => server.services.queue.waiting).toBe(0)
    drawing.abort()
    await drawn
    await expect.poll(() => server.services.queue.running).toBe(0)
    release()
    expect((await generate(server, { prompt: 'x' })).status).toBe(200)
    expect(server.backend.requests).toHaveLength(2)
  })

  it('survives callers who hang up in mid-body', async () => {
    const server = await startTestServer()
    const port = Number(new URL(server.url).port)
    for (const type of ['application/json', 'multipart/form-data; boundary=x']) {
      const socket = connect(port, '127.0.0.1')
      socket.write(
        `POST /v1/images/edits HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: 5000\r\n\r\n--x\r\nConte`,
      )
      await expect.poll(() => socket.bytesWritten).toBeGreaterThan(100)
      socket.destroy()
    }
    expect((await generate(server, { prompt: 'x' })).status).toBe(200)
  })

  it('refuses large bodies of many small values', async () => {
    const server = await startTestServer()
    const body = `{"prompt":"x","a":[${'0,'.repeat(3_000_000)}0]}`
    expect((await generate(server, body)).status).toBe(400)
    expect((await generate(server, `{"prompt":${'['.repeat(2_000_000)}`)).status).toBe(400)
  })

  it('refuses compressed bodies, which could hold anything', async () => {
    const server = await startTestServer()
    expect((await generate(server, { prompt: 'x' }, { 'content-encoding': 'gzip' })).status).toBe(400)
  })
})
