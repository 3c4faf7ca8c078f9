import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { generate, readJson, startTestServer, type TestServer } from './test-server.ts'

const KEYS = { settings: { apiKey: ['first, second'], adminApiKey: ['boss'] } }

/** The status of a request with headers that `fetch` would not send. */
async function statusOf(
  server: TestServer,
  headers: Record<string, string>,
  path = '/v1/models',
  body?: string,
): Promise<number> {
  return await new Promise((resolve, reject) => {
    const outgoing = request(server.url + path, { method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

describe('keys', () => {
  it('case 36: wants a key, in any of the places where clients put it', async () => {
    const server = await startTestServer(KEYS)
    const status = async (headers: Record<string, string>, query = '') =>
      (await fetch(`${server.url}/v1/models${query}`, { headers })).status
    expect(await status({})).toBe(401)
    expect(await status({ authorization: 'Bearer wrong' })).toBe(401)
    expect(await status({ authorization: 'Bearer first' })).toBe(200)
    expect(await status({ authorization: 'bearer second' })).toBe(200)
    expect(await status({ 'api-key': 'first' })).toBe(200)
    expect(await status({ 'x-api-key': 'second' })).toBe(200)
    expect(await status({ 'x-goog-api-key': 'boss' })).toBe(200)
    expect(await status({ authorization: `Basic ${btoa('me:first')}` })).toBe(200)
    expect(await status({}, '?key=first')).toBe(200)
    expect(await status({}, '?api_key=first')).toBe(200)
    for (const path of ['/health', '/docs', '/openapi.json']) expect((await fetch(server.url + path)).status).toBe(200)
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401)
  })

  it('answers a wrong key in the words that proxies look for', async () => {
    const server = await startTestServer(KEYS)
    const response = await fetch(`${server.url}/v1/models`, { headers: { authorization: 'Bearer s3cret-typo' } })
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'invalid_request_error', code: 'invalid_api_key' } })
    expect(JSON.parse(text).detail).toMatch(/^Incorrect API key provided/)
    expect(text + JSON.stringify(server.logLines)).not.toContain('s3cret-typo')
  })

  it('ignores every credential while no key is set', async () => {
    const server = await startTestServer()
    for (const authorization of ['', 'Bearer x', 'Basic eDp5', 'nonsense']) {
      expect(await statusOf(server, { authorization })).toBe(200)
    }
  })

  it('limits the requests of one key a minute and at once', async () => {
    const server = await startTestServer({ settings: { apiKey: ['a', 'b'], keyRpm: 2 } })
    const ask = (key: string) => fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
    expect([(await ask('a')).status, (await ask('a')).status]).toEqual([200, 200])
    const refused = await ask('a')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await readJson(refused)).error).toMatchObject({ type: 'rate_limit_error', code: 'rate_limit_exceeded' })
    expect((await ask('b')).status).toBe(200)

    const narrow = await startTestServer({ settings: { apiKey: ['a'], keyConcurrency: 1 } })
    const { release } = narrow.backend.hold()
    const started = narrow.backend.nextStart()
    const first = generate(narrow, { prompt: 'x' }, { authorization: 'Bearer a' })
    await started
    expect((await generate(narrow, { prompt: 'x' }, { authorization: 'Bearer a' })).status).toBe(429)
    release()
    expect((await first).status).toBe(200)
    await expect.poll(async () => (await generate(narrow, { prompt: 'x' }, { authorization: 'Bearer a' })).status).toBe(200)
  })
})

describe('web pages while no key is set', () => {
  it('answers its own names only, against DNS rebinding', async () => {
    const server = await startTestServer({ settings: { allowedHost: ['box.lan'] } })
    expect(await statusOf(server, { host: 'evil.example' })).toBe(403)
    expect(await statusOf(server, { host: 'evil.example:80' }, '/health')).toBe(403)
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:8000', 'BOX.lan']) expect(await statusOf(server, { host })).toBe(200)
    const open = await startTestServer(KEYS)
    expect(await statusOf(open, { host: 'evil.example', authorization: 'Bearer first' })).toBe(200)
  })

  it('answers every address when it listens on all of them, but no foreign name', async () => {
    const server = await startTestServer({ settings: { host: '0.0.0.0' } })
    expect(await statusOf(server, { host: '192.168.1.5:8000' })).toBe(200)
    expect(await statusOf(server, { host: 'evil.example' })).toBe(403)
  })

  it('refuses what foreign pages may send without asking, and nothing else', async () => {
    const server = await startTestServer()
    const path = '/v1/images/generations'
    const body = '{"prompt":"x"}'
    const plain = { 'content-type': 'text/plain' }
    expect(await statusOf(server, { ...plain, origin: 'https://evil.example' }, path, body)).toBe(403)
    expect(await statusOf(server, { ...plain, origin: 'null' }, path, body)).toBe(403)
    expect(await statusOf(server, { ...plain, 'sec-fetch-site': 'cross-site' }, path, body)).toBe(403)
    expect(await statusOf(server, { ...plain, origin: 'http://localhost:3000' }, path, body)).toBe(200)
    expect(await statusOf(server, plain, path, body)).toBe(200)
    expect(await statusOf(server, { origin: 'https://evil.example' })).toBe(200)
  })

  it('shares its answers with loopback pages only, or with those named', async () => {
    const allowed = async (server: TestServer, origin: string) =>
      (await fetch(`${server.url}/v1/models`, { headers: { origin } })).headers.get('access-control-allow-origin')
    const server = await startTestServer()
    expect(await allowed(server, 'http://localhost:3000')).toBe('http://localhost:3000')
    expect(await allowed(server, 'https://evil.example')).toBeNull()
    const named = await startTestServer({ settings: { corsOrigin: ['https://app.example'] } })
    expect(await allowed(named, 'https://app.example')).toBe('https://app.example')
    expect(await allowed(named, 'http://localhost:3000')).toBeNull()
  })
})

describe('messages', () => {
  it('tell no paths of this machine', async () => {
    const server = await startTestServer()
    const { backend } = server
    backend.run = async () => {
      throw new Error("cannot open '/home/someone/models/x/model.onnx': EACCES (see https://example.com/a/b)")
    }
    const { detail } = await readJson(await generate(server, { prompt: 'x' }))
    expect(detail).toBe("cannot open 'model.onnx': EACCES (see https://example.com/a/b)")
  })

  it('leave prompts out of the log unless asked', async () => {
    const server = await startTestServer()
    await generate(server, { prompt: 'my private apple' })
    await expect.poll(() => server.logLines.length).toBe(1)
    expect(JSON.stringify(server.logLines)).not.toContain('private')
    expect(server.logLines[0]).toMatchObject({
      method: 'POST',
      path: '/v1/images/generations',
      status: 200,
      model: 'acme/fake-1',
    })
    const open = await startTestServer({ settings: { logPrompts: true } })
    await generate(open, { prompt: 'my private apple' })
    await expect.poll(() => open.logLines[0]?.prompt).toBe('my private apple')
  })

  it('hold the fields of requests where debugging asks for them', async () => {
    const server = await startTestServer({ settings: { debug: '1' } })
    await generate(server, { prompt: 'x', negative_prompt: 'y'.repeat(1000) })
    await expect.poll(() => server.logLines.find((line) => line.msg === 'fields')).toBeDefined()
    const { fields } = server.logLines.find((line) => line.msg === 'fields') as { fields: Record<string, string> }
    expect(fields.prompt).toBe('x')
    expect(fields.negative_prompt).toMatch(/^y{500}… \(1000\)$/)
  })
})
