import { describe, expect, it } from 'vitest'
import { RunQueue } from '../../src/serve/run-queue.ts'
import { type Json, post, readJson, startTestServer } from './test-server.ts'

describe('all families at once', () => {
  it('wait in one line, in order of arrival, and tell their places in it', async () => {
    const server = await startTestServer()
    const ask = async (path: string): Promise<Json> => await readJson(await fetch(server.url + path))
    const { release } = server.backend.hold()
    const answers: Promise<Response>[] = []
    const send = async (path: string, body: unknown) => {
      const before = server.services.queue.waiting + server.services.queue.running
      answers.push(post(server, path, body))
      await expect.poll(() => server.services.queue.waiting + server.services.queue.running).toBe(before + 1)
    }
    await send('/v1/images/generations', { prompt: 'openai' })
    const first: Json = await readJson(await post(server, '/generate', { prompt: 'mflux 1' }))
    await send('/sdapi/v1/txt2img', { prompt: 'a1111' })
    await send('/post_config?prompt=sdapi', '')
    const second: Json = await readJson(await post(server, '/api/generate', { prompt: 'mflux 2' }))
    await send('/v1/chat/completions', { messages: [{ role: 'user', content: 'chat' }] })
    await send('/prompt2img?prompt=unidiffuser', '')
    const urgent: Json = await readJson(await post(server, '/generate', { prompt: 'urgent', priority: true }))

    const places = []
    for (const task of [first, second, urgent]) places.push((await ask(`/status?task_id=${task.task_id}`)).pos)
    expect(places).toEqual([2, 5, 1])
    expect((await ask('/health')).queue).toEqual({ running: 1, waiting: 7 })
    expect((await ask('/sdapi/v1/progress')).state.job_count).toBe(1)
    // One picture each at the origin's first guess of 80 s a megapixel; with four steps but for the Stable Diffusion API's twenty.
    const picture = (80 * 64 * 64) / 1048576
    expect(second.expected_time_seconds).toBeCloseTo(picture * (1 + 1 + 1 + 20 / 4 + 1))

    release()
    for (const answer of answers) expect((await answer).status).toBe(200)
    await expect
      .poll(() => server.backend.requests.map((request) => request.prompt))
      .toEqual(['openai', 'urgent', 'mflux 1', 'a1111', 'sdapi', 'mflux 2', 'chat', 'unidiffuser'])
  })

  it('leave nobody waiting forever behind urgent work', async () => {
    const order: string[] = []
    let finish: () => void = () => undefined
    const queue = new RunQueue({ maxConcurrent: 1, maxQueue: 100 })
    const submit = (name: string, priority?: number, work?: Promise<void>) =>
      queue.submit({
        model: 'm',
        cost: 1,
        priority,
        signal: new AbortController().signal,
        run: async () => {
          order.push(name)
          await work
        },
      })
    submit(
      'head',
      0,
      new Promise((resolve) => {
        finish = resolve
      }),
    )
    const patient = submit('patient')
    for (let i = 1; i <= 50; i++) submit(`urgent ${i}`, i)
    expect(patient.position).toBe(17)
    finish()
    await patient.result
    expect(order[1]).toBe('urgent 16')
    expect(order.indexOf('patient')).toBe(17)
  })

  it('can each be served alone, with all that their clients call and nothing else', async () => {
    const openai = ['/v1/images/generations', '/v1/videos']
    const routes: Record<string, string[]> = {
      openai,
      vllm: [...openai, '/v1/chat/completions'],
      sglang: [...openai, '/vertex_generate'],
      mflux: ['/generate'],
      sdapi: ['/post_config'],
      a1111: ['/sdapi/v1/txt2img'],
      jobs: ['/v1/jobs'],
    }
    const all = [...new Set(Object.values(routes).flat())]
    for (const [family, own] of Object.entries(routes)) {
      const server = await startTestServer({ settings: { families: [family] } })
      const { paths } = await readJson(await fetch(`${server.url}/openapi.json`))
      expect(all.filter((path) => path in paths)).toEqual(own)
      for (const path of all) {
        const { status } = await fetch(server.url + path, { method: 'POST', body: 'nonsense' })
        expect([path, status === 404]).toEqual([path, !own.includes(path)])
      }
    }
  })

  it('are documented together, grouped, each route with an example of its own id', async () => {
    const server = await startTestServer()
    const { paths, tags } = await readJson(await fetch(`${server.url}/openapi.json`))
    expect(tags.map((tag: Json) => tag.name)).toEqual(
      expect.arrayContaining(['OpenAI', 'vLLM-Omni', 'mflux-server', 'Stable Diffusion API', 'UniDiffuser', 'AUTOMATIC1111']),
    )
    const routes: Json[] = Object.values<Json>(paths).flatMap((verbs) => Object.values(verbs))
    expect(new Set(routes.map((route) => route.operationId)).size).toBe(routes.length)
    for (const route of routes) {
      const body = route.requestBody?.content['application/json']
      if (body) expect([route.operationId, body.example !== undefined]).toEqual([route.operationId, true])
      const isAsked = route.tags.some((tag: string) => ['Stable Diffusion API', 'UniDiffuser'].includes(tag))
      if (isAsked && route.parameters.length > 0) {
        expect(route.parameters.some((parameter: Json) => parameter.example !== undefined)).toBe(true)
      }
    }
  })
})
