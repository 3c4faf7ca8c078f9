import { describe, expect, it } from 'vitest'
import { generate, readJson, startTestServer } from './test-server.ts'

describe('models', () => {
  it('case 30: lists its models', async () => {
    const server = await startTestServer()
    const body = await readJson(await fetch(`${server.url}/v1/models`))
    expect(body.object).toBe('list')
    expect(body.data).toHaveLength(1)
    expect(body.data[0]).toMatchObject({ id: 'acme/fake-1', object: 'model', owned_by: 'diffgentor' })
  })

  it('case 31: finds a model whose id has a slash, encoded or not', async () => {
    const server = await startTestServer()
    for (const id of ['acme%2Ffake-1', 'acme/fake-1', 'fake-1']) {
      const response = await fetch(`${server.url}/v1/models/${id}`)
      expect([response.status, (await readJson(response)).id]).toEqual([200, 'acme/fake-1'])
    }
  })

  it('case 32: tells an unknown model in the words of both families', async () => {
    const server = await startTestServer()
    const response = await fetch(`${server.url}/v1/models/none`)
    expect(response.status).toBe(404)
    const body = await readJson(response)
    expect(body.detail).toBe("Model 'none' not found")
    expect(body.error).toMatchObject({ message: "The model 'none' does not exist", code: 'model_not_found', param: 'model' })
  })

  it('serves several models by name, and knows no others then', async () => {
    const server = await startTestServer({ settings: { modelName: ['acme/one', 'acme/two'] } })
    const draw = async (model: string | undefined) => {
      const response = await generate(server, { prompt: 'x', seed: 1, model })
      return response.status === 200 ? (await readJson(response)).data[0].b64_json : response.status
    }
    const [first, one, two] = [await draw(undefined), await draw('one'), await draw('acme/two')]
    expect(first).toBe(one)
    expect(two).not.toBe(one)
    expect(await draw('gpt-image-1')).toBe(404)
    expect((await readJson(await fetch(`${server.url}/v1/models`))).data).toHaveLength(2)
  })

  it('unloads a model at once when it may not stay', async () => {
    const server = await startTestServer({ settings: { keepAlive: 0 } })
    await generate(server, { prompt: 'x' })
    await expect.poll(() => server.backend.unloads).toBe(1)
    expect((await generate(server, { prompt: 'x' })).status).toBe(200)
  })
})

describe('health', () => {
  it('case 33: tells that it is ready, and before that that it is not', async () => {
    const server = await startTestServer()
    const ready = await fetch(`${server.url}/health`)
    expect(ready.status).toBe(200)
    const body = await readJson(ready)
    expect(body).toMatchObject({ status: 'ok', ready: true, model: 'acme/fake-1', mode: 'both', backend_ready: true })
    const loading = await startTestServer({ opensAfter: new Promise(() => undefined) })
    const notReady = await fetch(`${loading.url}/health`)
    expect([notReady.status, await readJson(notReady)]).toMatchObject([503, { status: 'unavailable', ready: false }])
    expect((await fetch(`${loading.url}/health/live`)).status).toBe(200)
  })

  it('case 17: refuses generation in edit mode, and everything while the model is loading', async () => {
    const edits = await startTestServer({ settings: { mode: 'edit' } })
    const refused = await generate(edits, { prompt: 'x' })
    expect(refused.status).toBe(400)
    expect((await readJson(refused)).detail).toMatch(/^This server is not configured for image generation/)
    const loading = await startTestServer({ opensAfter: new Promise(() => undefined) })
    const early = await generate(loading, { prompt: 'x' })
    expect(early.status).toBe(503)
    expect(early.headers.get('retry-after')).toBe('5')
    expect((await readJson(early)).detail).toBe('Model not loaded. Server may still be initializing.')
  })

  it('draws once before it calls itself ready when asked to warm up', async () => {
    const server = await startTestServer({ settings: { warmup: true } })
    expect(server.backend.requests).toHaveLength(1)
  })
})

describe('rules of every route', () => {
  it('case 34: answers preflights without a key and lets the SDK’s headers through', async () => {
    const server = await startTestServer({ settings: { apiKey: ['secret'] } })
    const response = await fetch(`${server.url}/v1/images/generations`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-stainless-os',
      },
    })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-headers')).toContain('x-stainless-os')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('case 35: answers HEAD, wrong verbs and unknown paths', async () => {
    const server = await startTestServer()
    const head = await fetch(`${server.url}/v1/models`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await fetch(`${server.url}/`, { method: 'HEAD' })).status).toBe(200)
    const wrong = await fetch(`${server.url}/v1/models`, { method: 'DELETE' })
    expect(wrong.status).toBe(405)
    expect(wrong.headers.get('allow')).toContain('GET')
    expect((await readJson(wrong)).detail).toBe('Method Not Allowed')
    const unknown = await fetch(`${server.url}/nope`)
    expect(unknown.status).toBe(404)
    expect((await readJson(unknown)).detail).toBe('Not Found')
    expect((await fetch(`${server.url}/v1/models/acme/fake-1`, { method: 'DELETE' })).status).toBe(405)
  })

  it('echoes a request id, and makes one where none or a harmful one is given', async () => {
    const server = await startTestServer()
    const ask = async (id?: string) =>
      (await fetch(`${server.url}/health`, id === undefined ? {} : { headers: { 'x-request-id': id } })).headers.get(
        'x-request-id',
      )
    expect(await ask('abc-1')).toBe('abc-1')
    expect(await ask()).toMatch(/^req_[0-9a-f]{32}$/)
    expect(await ask('<script>')).toMatch(/^req_/)
  })

  it('case 47: knows no picture that it did not store', async () => {
    const server = await startTestServer()
    const response = await fetch(`${server.url}/v1/images/unknown/content`)
    expect([response.status, (await readJson(response)).detail]).toEqual([404, 'Image not found'])
  })
})
