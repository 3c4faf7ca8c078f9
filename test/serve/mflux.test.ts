import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { lookAt, makePng } from './pictures.ts'
import { fromBase64, generate, type Json, post, readJson, startTestServer, type TestServer } from './test-server.ts'

const order = async (server: TestServer, body: object, prefix = ''): Promise<Json> =>
  await readJson(await post(server, `${prefix}/generate`, body))

const ask = (server: TestServer, path: string, init: RequestInit = {}) => fetch(server.url + path, init)

const status = async (server: TestServer, id: string): Promise<Json> => await readJson(await ask(server, `/status?task_id=${id}`))

async function finished(server: TestServer, id: string): Promise<void> {
  await expect.poll(() => status(server, id)).toEqual({ status: 'done' })
}

/** A server whose first picture is being drawn until `release` is called. */
async function startHeld(body: object = { prompt: 'head' }) {
  const server = await startTestServer()
  const { release } = server.backend.hold()
  const started = server.backend.nextStart()
  const head = await order(server, body)
  await started
  return { server, release, head }
}

describe('mflux-server: ordering', () => {
  it('case 48: takes a minimal order at the root and under /api', async () => {
    const server = await startTestServer()
    for (const prefix of ['', '/api']) {
      const answer = await order(server, { prompt: 'x' }, prefix)
      expect(answer).toEqual({
        task_id: expect.stringMatching(/^[0-9a-f]{8}$/),
        task_length: expect.any(Number),
        expected_time_seconds: expect.any(Number),
      })
    }
  })

  it('case 49: tells what is wrong with each field', async () => {
    const server = await startTestServer()
    const refusal = async (body: object) => {
      const response = await post(server, '/generate', body)
      expect(response.status).toBe(400)
      return await readJson(response)
    }
    const message = 'Input payload validation failed'
    expect(await refusal({ steps: 4 })).toEqual({ errors: { prompt: "'prompt' is a required property" }, message })
    expect(await refusal({ prompt: 123, height: 'tall', priority: 1 })).toEqual({
      errors: {
        prompt: "123 is not of type 'string'",
        height: "'tall' is not of type 'integer'",
        priority: "1 is not of type 'boolean'",
      },
      message,
    })
    expect((await refusal({ prompt: 'x', seed: 'abc', steps: 0 })).errors).toEqual({
      seed: expect.stringMatching(/^'abc' does not match /),
      steps: '0 is less than the minimum of 1',
    })
    expect(await readJson(await post(server, '/generate', { prompt: 'x', width: 5000 }))).toMatchObject({
      message: expect.stringContaining('5000'),
    })
  })

  it('case 50: draws the same picture for a seed as text and as a number', async () => {
    const server = await startTestServer()
    const pictures = []
    for (const seed of ['7', 7]) {
      const { task_id: id } = await order(server, { prompt: 'x', seed, format: 'png' })
      await finished(server, id)
      pictures.push(Buffer.from(await (await ask(server, `/image?task_id=${id}`)).arrayBuffer()))
    }
    expect(pictures[0]!.equals(pictures[1]!)).toBe(true)
  })

  it('passes on what is asked for, and starts from a source that can be read', async () => {
    const server = await startTestServer()
    const source = (await makePng(32, 32)).toString('base64')
    const { task_id: id } = await order(server, { prompt: 'x', steps: 3, guidance: 2, seed: '5', init_image: source })
    await finished(server, id)
    expect(server.backend.requests[0]).toMatchObject({
      numInferenceSteps: 3,
      guidanceScale: 2,
      seeds: [5],
      edit: { images: [expect.anything()] },
    })
  })

  it.each([
    [20, 8],
    [9, 3],
    [5, 2],
    [4, 1],
    [2, 1],
    [1, 0],
  ])('of %d steps leaves out %d to begin with a source, as the origin does', async (steps, left) => {
    const server = await startTestServer()
    const source = (await makePng(32, 32)).toString('base64')
    const { task_id: id } = await order(server, { prompt: 'x', steps, init_image: source })
    await finished(server, id)
    expect(server.backend.requests[0]!.edit!.strength).toBe((steps - left) / steps)
  })

  it('draws without a source that cannot be read, and says so with the picture', async () => {
    const server = await startTestServer()
    for (const query of ['', '&base64=1']) {
      const { task_id: id } = await order(server, { prompt: 'x', init_image: '%%%' })
      await finished(server, id)
      const image = await ask(server, `/image?task_id=${id}${query}`)
      expect(image.headers.get('x-diffgentor-warnings')).toBe('init_image is ignored: it cannot be read.')
    }
    expect(server.backend.requests[1]).toMatchObject({ guidanceScale: 3.5, edit: undefined })
  })
})

describe('mflux-server: the queue', () => {
  it('case 51: puts urgent work behind what runs, and tells positions and times', async () => {
    const { server, release, head } = await startHeld({ prompt: 'head', width: 128, height: 64 })
    const second = await order(server, { prompt: 'second', width: 64, height: 64 })
    const third = await order(server, { prompt: 'third', width: 64, height: 64, priority: true })
    expect(head.expected_time_seconds).toBeCloseTo((80 * 128 * 64) / 1048576)
    expect(second.expected_time_seconds).toBeCloseTo((80 * (128 + 64) * 64) / 1048576)
    expect(third.expected_time_seconds).toBeCloseTo((80 * (128 + 64) * 64) / 1048576)
    expect([head, second, third].map((task) => task.task_length)).toEqual([0, 1, 1])
    const states = await Promise.all([head, third, second].map((task) => status(server, task.task_id)))
    expect(states.map((state) => state.pos)).toEqual([0, 1, 2])
    for (const state of states) {
      expect(state.status).toBe('waiting')
      expect(Number.isInteger(state.wait_remaining) && state.wait_remaining >= 1).toBe(true)
    }
    release()
    await finished(server, second.task_id)
    expect(server.backend.requests.map((request) => request.prompt)).toEqual(['head', 'third', 'second'])
  })

  it('counts the work of other families, and lets them in however many tasks wait', async () => {
    const { server, release } = await startHeld()
    for (let i = 0; i < 70; i++) await order(server, { prompt: `task ${i}` })
    const other = generate(server, { prompt: 'other' })
    await expect.poll(() => server.services.queue.waiting).toBe(71)
    const last = await order(server, { prompt: 'last' })
    expect((await status(server, last.task_id)).pos).toBe(72)
    release()
    expect((await other).status).toBe(200)
    await finished(server, last.task_id)
    expect(server.backend.requests.map((request) => request.prompt).slice(-2)).toEqual(['other', 'last'])
  })

  it('takes and clears a thousand tasks', async () => {
    const { server } = await startHeld()
    for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 10 }, () => order(server, { prompt: 'x' })))
    expect(await readJson(await ask(server, '/tasks'))).toHaveLength(1001)
    expect((await ask(server, '/clear')).status).toBe(200)
    expect(await readJson(await ask(server, '/tasks'))).toEqual([])
    await expect.poll(() => [server.services.queue.waiting, server.services.queue.running]).toEqual([0, 0])
    expect(server.backend.requests).toHaveLength(1)
  })

  it('tells of a failure and goes on with the next task', async () => {
    const server = await startTestServer()
    const failing = await order(server, { prompt: '[fail:out_of_memory]' })
    const next = await order(server, { prompt: 'x' })
    await finished(server, next.task_id)
    expect(await status(server, failing.task_id)).toMatchObject({
      status: 'error',
      message: expect.stringContaining('out_of_memory'),
    })
    expect((await ask(server, `/image?task_id=${failing.task_id}`)).status).toBe(404)
  })
})

describe('mflux-server: fetching and ending', () => {
  it('case 52: answers 404 before a picture is ready, the picture once, then 404', async () => {
    const { server, release, head } = await startHeld()
    const image = `/image?task_id=${head.task_id}`
    const early = await ask(server, image)
    expect([early.status, await early.text()]).toEqual([404, ''])
    release()
    await finished(server, head.task_id)
    expect((await ask(server, image, { method: 'HEAD' })).status).toBe(200)
    const ready = await ask(server, image)
    expect(ready.headers.get('content-type')).toBe('image/jpeg')
    expect(await lookAt(new Uint8Array(await ready.arrayBuffer()))).toEqual({ width: 64, height: 64, format: 'jpeg' })
    expect((await ask(server, image)).status).toBe(404)
    expect((await ask(server, `/status?task_id=${head.task_id}`)).status).toBe(404)
  })

  it('case 53: answers base64 text as often as it is asked not to delete', async () => {
    const server = await startTestServer()
    const { task_id: id } = await order(server, { prompt: 'x', format: 'png' })
    await finished(server, id)
    for (let i = 0; i < 2; i++) {
      const response = await ask(server, `/api/image?task_id=${id}&base64=yes&delete=0`)
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect((await lookAt(fromBase64(await response.text()))).format).toBe('png')
    }
  })

  it('case 54: cancels known tasks, stops their work, and clears the list', async () => {
    const { server, head } = await startHeld()
    const unknown = await ask(server, '/cancel?task_id=00000000')
    expect([unknown.status, await unknown.text()]).toEqual([404, ''])
    const waiting = await order(server, { prompt: 'waiting' })
    expect(await readJson(await ask(server, '/tasks'))).toMatchObject([
      { task_id: head.task_id, prompt: 'head', seed: expect.any(String), steps: 4, format: 'JPEG', priority: false },
      { task_id: waiting.task_id, start_time: expect.any(Number) },
    ])
    const known = await ask(server, `/cancel?task_id=${head.task_id}`)
    expect([known.status, await known.text()]).toEqual([200, ''])
    await expect.poll(() => server.backend.aborted).toBe(1)
    expect((await ask(server, `/cancel?task_id=${waiting.task_id}`, { method: 'DELETE' })).status).toBe(200)
    expect((await ask(server, '/clear')).status).toBe(200)
    const tasks = await ask(server, '/tasks')
    expect(await tasks.text()).toBe('[]')
  })

  it('keeps the tasks of each key apart, and foreign pages away', async () => {
    const server = await startTestServer({ settings: { apiKey: ['a', 'b'] } })
    const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
    const { task_id: id } = await readJson(await post(server, '/generate', { prompt: 'x' }, as('a').headers))
    expect((await ask(server, `/status?task_id=${id}`, as('b'))).status).toBe(404)
    expect(await readJson(await ask(server, '/tasks', as('b')))).toEqual([])
    expect(await readJson(await ask(server, '/tasks', as('a')))).toHaveLength(1)
    const open = await startTestServer()
    for (const path of ['/clear', '/cancel?task_id=x', '/image?task_id=x']) {
      expect((await ask(open, path, { headers: { origin: 'https://evil.example' } })).status).toBe(403)
    }
  })

  it('refuses orders where no picture is kept', async () => {
    const server = await startTestServer({ settings: { imageStore: false } })
    const response = await post(server, '/generate', { prompt: 'x' })
    expect([response.status, (await readJson(response)).message]).toEqual([400, expect.stringContaining('--no_image_store')])
  })
})

describe('mflux-server: models and documentation', () => {
  it('lists models, and changes over for admins only', async () => {
    const server = await startTestServer({ settings: { modelName: ['acme/one', 'acme/two'] } })
    expect(await readJson(await ask(server, '/ls'))).toEqual({
      'acme/one': { loader: 'watched', steps: 4 },
      'acme/two': { loader: 'watched', steps: 4 },
    })
    expect(await readJson(await post(server, '/load', { model: 'two' }))).toEqual({
      model: 'acme/two',
      quantize: null,
      default_steps: 4,
    })
    expect(await readJson(await ask(server, '/api/ps'))).toMatchObject({ model: 'acme/two', cache_limit: null })
    for (const body of [{}, { model: 'nope' }]) {
      const response = await post(server, '/api/load', body)
      expect([response.status, await readJson(response)]).toEqual([400, { error: expect.any(String) }])
    }
    const keyed = await startTestServer({ settings: { apiKey: ['user'], adminApiKey: ['boss'] } })
    const load = async (key: string) =>
      (await post(keyed, '/load', { model: 'fake-1' }, { authorization: `Bearer ${key}` })).status
    expect([await load('user'), await load('boss')]).toEqual([403, 200])
  })

  it('documents itself as Swagger 2.0 and as a page', async () => {
    const server = await startTestServer({ settings: { apiKey: ['secret'] } })
    for (const [prefix, basePath] of [
      ['', '/'],
      ['/api', '/api'],
    ] as const) {
      const document = await readJson(await ask(server, `${prefix}/swagger.json`))
      const validator = new Validator()
      expect(await validator.validate(document)).toMatchObject({ valid: true })
      expect([validator.version, document.basePath]).toEqual(['2.0', basePath])
      expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/generate', '/status', '/image', '/load']))
      expect(document.paths['/v1/models']).toBeUndefined()
      const page = await (await ask(server, `${prefix}/swagger`)).text()
      expect(page).toContain('/generate')
      expect(page).not.toContain('/v1/images')
    }
  })
})
