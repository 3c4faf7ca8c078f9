import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ServeSettings } from '../../src/config/settings.ts'
import { lookAt, makePng } from './pictures.ts'
import { generate, type Json, post, readEvents, readJson, startTestServer, type TestServer } from './test-server.ts'

async function makeJobsFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diffgentor-jobs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'jobs')
}

async function startJobsServer(settings: Partial<ServeSettings> = {}): Promise<TestServer> {
  return await startTestServer({ settings: { jobsDir: await makeJobsFolder(), ...settings } })
}

async function upload(
  server: TestServer,
  filename: string,
  text: string,
  fields: Record<string, string> = {},
): Promise<Response> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('file', new Blob([text]), filename)
  return await fetch(`${server.url}/v1/jobs`, { method: 'POST', body: form })
}

const get = async (server: TestServer, path: string): Promise<Json> => await readJson(await fetch(server.url + path))

async function finish(server: TestServer, id: string): Promise<Json> {
  await expect.poll(async () => (await get(server, `/v1/jobs/${id}`)).status).toMatch(/completed|failed|cancelled/)
  return await get(server, `/v1/jobs/${id}`)
}

const fetchBytes = async (server: TestServer, url: string) => new Uint8Array(await (await fetch(server.url + url)).arrayBuffer())

describe('jobs', () => {
  it('draw without their caller, the same bytes as the route that waits', async () => {
    const server = await startJobsServer()
    const created = await post(server, '/v1/jobs', { prompt: 'x', n: 2, seed: 7 })
    expect(created.status).toBe(202)
    const { id } = await readJson(created)
    expect(created.headers.get('location')).toBe(`/v1/jobs/${id}`)
    const job = await finish(server, id)
    expect(job).toMatchObject({
      object: 'job',
      kind: 'generation',
      status: 'completed',
      progress: 1,
      position: null,
      error: null,
    })
    expect(job.results.map((result: Json) => result.seed)).toEqual([7, 8])
    const direct = await readJson(await generate(server, { prompt: 'x', n: 2, seed: 7 }))
    for (const [place, { url }] of job.results.entries()) {
      expect(Buffer.from(await fetchBytes(server, url)).toString('base64')).toBe(direct.data[place].b64_json)
    }
  })

  it('edit pictures that come with a form or in JSON', async () => {
    const server = await startJobsServer()
    const png = await makePng(20, 10)
    const form = new FormData()
    form.set('prompt', 'x')
    form.set('image', new Blob([png as Uint8Array<ArrayBuffer>]), 'a.png')
    form.set('mask', new Blob([png as Uint8Array<ArrayBuffer>]), 'm.png')
    const first = await readJson(await fetch(`${server.url}/v1/jobs`, { method: 'POST', body: form }))
    const second = await readJson(await post(server, '/v1/jobs', { prompt: 'x', images: [png.toString('base64')] }))
    for (const { id } of [first, second]) {
      const job = await finish(server, id)
      expect(job).toMatchObject({ kind: 'edit', status: 'completed' })
      expect(await lookAt(await fetchBytes(server, job.results[0].url))).toEqual({ width: 20, height: 10, format: 'png' })
    }
    expect(server.backend.requests.filter(({ edit }) => edit?.mask)).toHaveLength(1)
  })

  it('refuse at once what the routes refuse', async () => {
    const server = await startJobsServer()
    expect((await post(server, '/v1/jobs', {})).status).toBe(422)
    expect((await post(server, '/v1/jobs', { prompt: 'x', size: 'huge' })).status).toBe(400)
    expect((await post(server, '/v1/jobs', { prompt: 'x', kind: 'video' })).status).toBe(422)
    expect((await upload(server, 'rows.exe', 'x')).status).toBe(400)
    expect((await upload(server, 'rows.txt', 'x', { num_images_per_prompt: 'many' })).status).toBe(422)
    expect(await get(server, '/v1/jobs')).toEqual({ object: 'list', data: [], has_more: false })
    expect(existsSync(server.services.settings.jobsDir!)).toBe(false)
  })

  it('tell what failed', async () => {
    const server = await startJobsServer()
    const { id } = await readJson(await post(server, '/v1/jobs', { prompt: '[fail:out_of_memory]' }))
    expect(await finish(server, id)).toMatchObject({ status: 'failed', error: { code: 'out_of_memory' }, results: [] })
  })

  it('work an uploaded data set like a batch of the command line', async () => {
    const server = await startJobsServer()
    const rows = 'prompt,seed,size\nfirst,3,32x16\nsecond,4,\n[fail:content_policy],5,\n'
    const { id } = await readJson(await upload(server, 'rows.csv', rows, { num_images_per_prompt: '2', frequency: '3' }))
    const job = await finish(server, id)
    expect(job).toMatchObject({ kind: 'batch', status: 'completed', counts: { total: 3, done: 2, failed: 1, images: 4 } })
    expect(job.warnings).toEqual(['The field frequency is not known and was ignored.'])
    const { data } = await get(server, job.results_url)
    const drawn = data.map((result: Json) => [result.index, result.file, result.seed])
    expect(drawn.sort()).toEqual([
      [0, '000000_00.png', 3],
      [0, '000000_01.png', 4],
      [1, '000001_00.png', 4],
      [1, '000001_01.png', 5],
    ])
    const { url } = data.find((result: Json) => result.index === 0)
    expect(await lookAt(await fetchBytes(server, url))).toMatchObject({ width: 32, height: 16 })
    const page = await get(server, `${job.results_url}?limit=3`)
    expect([page.data.length, page.has_more]).toEqual([3, true])
    expect((await get(server, `${job.results_url}?limit=3&after=${page.last_id}`)).data).toHaveLength(1)
    const ledger = await (await fetch(`${server.url}/v1/jobs/${id}/files/ledger.jsonl`)).text()
    expect(ledger.trim().split('\n')).toHaveLength(3)
  })

  it('read no file of the server for an uploaded row, and give none but their own', async () => {
    const server = await startJobsServer()
    const outside = join(await makeJobsFolder(), '..', 'secret.png')
    const { writeFile } = await import('node:fs/promises')
    await writeFile(outside, await makePng(8, 8))
    const rows = [
      { image: outside, instruction: 'x' },
      { image: `file://${outside}`, instruction: 'x' },
      { image: `data:image/png;base64,${(await makePng(8, 8)).toString('base64')}`, instruction: 'x' },
      { image: `data:image/png;base64,${(await makePng(8, 8)).toString('base64')}`, instruction: 'x', lora: '/etc/passwd' },
      { image: `data:image/png;base64,${(await makePng(8, 8)).toString('base64')}`, instruction: 'x', extra: '/etc/a.json' },
    ]
    const text = rows.map((row) => JSON.stringify(row)).join('\n')
    const { id } = await readJson(await upload(server, 'rows.jsonl', text, { kind: 'edit' }))
    expect((await finish(server, id)).counts).toMatchObject({ done: 1, failed: 4 })
    for (const name of ['../job.json', '..%2Fjob.json', '%2e%2e/job.json', '.diffgentor.lock', '../../../secret.png', '%00']) {
      const response = await fetch(`${server.url}/v1/jobs/${id}/files/${name}`)
      expect(response.status).toBe(404)
    }
  })

  it('are listed newest first, page by page, and can be removed', async () => {
    const server = await startJobsServer()
    const ids: string[] = []
    for (const prompt of ['a', 'b', 'c']) ids.unshift((await readJson(await post(server, '/v1/jobs', { prompt }))).id)
    const first = await get(server, '/v1/jobs?limit=2')
    expect([first.data.map((job: Json) => job.id), first.has_more]).toEqual([ids.slice(0, 2), true])
    const second = await get(server, `/v1/jobs?limit=2&after=${ids[1]}`)
    expect([second.data.map((job: Json) => job.id), second.has_more]).toEqual([ids.slice(2), false])
    await finish(server, ids[0]!)
    const removed = await fetch(`${server.url}/v1/jobs/${ids[0]}`, { method: 'DELETE' })
    expect(await readJson(removed)).toEqual({ id: ids[0], object: 'job.deleted', deleted: true })
    expect((await fetch(`${server.url}/v1/jobs/${ids[0]}`)).status).toBe(404)
    expect(await readdir(server.services.settings.jobsDir!)).not.toContain(ids[0])
  })

  it('stop when they are cancelled, waiting or running', async () => {
    const server = await startJobsServer()
    server.backend.hold()
    const started = server.backend.nextStart()
    const running = await readJson(await post(server, '/v1/jobs', { prompt: 'x' }))
    await started
    const waiting = await readJson(await post(server, '/v1/jobs', { prompt: 'y' }))
    expect(await get(server, `/v1/jobs/${waiting.id}`)).toMatchObject({ status: 'queued', position: 1 })
    for (const { id } of [waiting, running]) {
      const answer = await readJson(await post(server, `/v1/jobs/${id}/cancel`, {}))
      expect(answer.status).toBe('cancelled')
    }
    expect(server.backend.requests).toHaveLength(1)
    expect(server.services.queue.running).toBe(0)
  })

  it('tell each change as an event', async () => {
    const server = await startJobsServer()
    const { release } = server.backend.hold()
    const { id } = await readJson(await post(server, '/v1/jobs', { prompt: 'x' }))
    const response = await fetch(`${server.url}/v1/jobs/${id}/events`)
    release()
    const events = await readEvents(response)
    expect(events.at(-1)).toMatchObject({ event: 'job.completed', data: { id, status: 'completed', progress: 1 } })
    expect(events.length).toBeGreaterThan(1)
    expect((await readEvents(await fetch(`${server.url}/v1/jobs/${id}/events`))).map(({ event }) => event)).toEqual([
      'job.completed',
    ])
  })

  it('go on after the server was stopped in their middle', async () => {
    const jobsDir = await makeJobsFolder()
    const first = await startTestServer({ settings: { jobsDir } })
    first.backend.hold()
    const started = first.backend.nextStart()
    const drawing = await readJson(await post(first, '/v1/jobs', { prompt: 'x', n: 1 }))
    await started
    const batch = await readJson(await upload(first, 'rows.txt', 'a\nb\nc\n'))
    await first.stop()

    const second = await startTestServer({ settings: { jobsDir } })
    expect((await finish(second, drawing.id)).status).toBe('completed')
    expect(await finish(second, batch.id)).toMatchObject({ status: 'completed', counts: { total: 3, done: 3 } })
    expect(second.backend.requests[0]?.seeds).toEqual(first.backend.requests[0]?.seeds)
    await second.drain()

    const third = await startTestServer({ settings: { jobsDir } })
    expect((await get(third, '/v1/jobs')).data.map((job: Json) => job.status)).toEqual(['completed', 'completed'])
    expect(third.backend.requests).toHaveLength(0)
  })

  it('let rows in flight finish when the server is told to end, and go on later', async () => {
    const jobsDir = await makeJobsFolder()
    const first = await startTestServer({ settings: { jobsDir } })
    const { release } = first.backend.hold()
    const started = first.backend.nextStart()
    const { id } = await readJson(await upload(first, 'rows.txt', 'a\nb\nc\nd\n'))
    await started
    const drained = first.drain()
    release()
    await drained
    const files = await readdir(jobsDir, { recursive: true })
    const ledger = await readFile(join(jobsDir, files.find((file) => file.endsWith('ledger.jsonl'))!), 'utf8')
    const drawn = ledger.match(/"status":"done"/g)?.length ?? 0
    // Rows that only waited for the backend were taken back.
    expect(drawn).toBeLessThan(4)
    const second = await startTestServer({ settings: { jobsDir } })
    expect(await finish(second, id)).toMatchObject({ status: 'completed', counts: { total: 4, done: 4 } })
    expect(drawn + second.backend.requests.length).toBe(4)
  })

  it('belong to the key that sent them', async () => {
    const server = await startJobsServer({ apiKey: ['alice', 'bob'] })
    const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
    const { id } = await readJson(await post(server, '/v1/jobs', { prompt: 'x' }, as('alice').headers))
    expect((await fetch(`${server.url}/v1/jobs/${id}`, as('alice'))).status).toBe(200)
    expect((await fetch(`${server.url}/v1/jobs/${id}`, as('bob'))).status).toBe(404)
    expect((await readJson(await fetch(`${server.url}/v1/jobs`, as('bob')))).data).toEqual([])
  })

  it('share the queue with requests that wait', async () => {
    const server = await startJobsServer()
    const { release } = server.backend.hold()
    const started = server.backend.nextStart()
    await upload(server, 'rows.txt', 'a\nb\nc\nd\ne\nf\n')
    await started
    const waiting = generate(server, { prompt: 'urgent' })
    await expect.poll(() => server.services.queue.waiting).toBeGreaterThan(0)
    release()
    expect((await waiting).status).toBe(200)
    const place = server.backend.requests.findIndex((request) => request.prompt === 'urgent')
    expect(place).toBeLessThan(4)
  })
})
