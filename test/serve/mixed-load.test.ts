import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { makePng } from './pictures.ts'
import { generate, type Json, post, readJson, startTestServer, type TestServer } from './test-server.ts'

async function startLoadedServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'diffgentor-jobs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return await startTestServer({ settings: { jobsDir: join(folder, 'jobs') } })
}

const ask = async (server: TestServer, path: string): Promise<Json> => await readJson(await fetch(server.url + path))

/** Resolves when so many pieces of work are in the queue, running ones included. */
async function inQueue(server: TestServer, count: number): Promise<void> {
  const { queue } = server.services
  await expect.poll(() => queue.running + queue.waiting).toBe(count)
}

const promptsOf = (server: TestServer) => server.backend.requests.map(({ prompt }) => prompt)

it('asynchronous and synchronous work of all protocols waits in one line, in order of arrival', async () => {
  const server = await startLoadedServer()
  const { release } = server.backend.hold()
  const size = { size: '16x16' }
  const calls: [string, object][] = [
    ['/v1/images/generations', { prompt: 'openai' }],
    ['/v1/videos', { prompt: 'video', seconds: 1, ...size }],
    ['/generate', { prompt: 'mflux' }],
    ['/v1/jobs', { prompt: 'job' }],
    ['/vertex_generate', { instances: [{ prompt: 'vertex 1' }, { prompt: 'vertex 2' }] }],
    ['/sdapi/v1/txt2img', { prompt: 'a1111' }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'chat' }] }],
    ['/post_config?prompt=sdapi', {}],
    ['/prompt2img?prompt=unidiffuser', {}],
    ['/v1/images/edits', { prompt: 'edit', images: [{ image_url: (await makePng(8, 8)).toString('base64') }] }],
    ['/api/generate', { prompt: 'last' }],
  ]
  const answers: Promise<Response>[] = []
  for (const [path, body] of calls) {
    answers.push(post(server, path, body))
    await inQueue(server, answers.length)
  }
  const [video, task, job]: Json[] = await Promise.all(answers.slice(1, 4).map(async (answer) => readJson(await answer)))
  expect((await ask(server, `/v1/videos/${video.id}`)).status).toBe('queued')
  expect((await ask(server, `/status?task_id=${task.task_id}`)).pos).toBe(2)
  expect((await ask(server, `/v1/jobs/${job.id}`)).position).toBe(3)
  const last: Json = await readJson(await answers.at(-1)!)
  expect((await ask(server, `/status?task_id=${last.task_id}`)).pos).toBe(10)
  // Whoever leaves makes room for all behind.
  await fetch(`${server.url}/v1/videos/${video.id}`, { method: 'DELETE' })
  expect((await ask(server, `/status?task_id=${task.task_id}`)).pos).toBe(1)
  expect((await ask(server, `/v1/jobs/${job.id}`)).position).toBe(2)
  release()
  for (const answer of answers) expect((await answer).ok).toBe(true)
  await inQueue(server, 0)
  // The second instance of a request has its turn behind all that came before the first was done.
  const inTurn = ['openai', 'mflux', 'job', 'vertex 1', 'a1111', 'chat', 'sdapi', 'unidiffuser', 'edit', 'last']
  expect(promptsOf(server)).toEqual([...inTurn, 'vertex 2'])
})

it('a batch and a long list of instances leave everybody else their turns', async () => {
  const server = await startLoadedServer()
  const { release } = server.backend.hold()
  const rows = new FormData()
  rows.set('file', new Blob([Array.from({ length: 20 }, (_, row) => `row ${row}`).join('\n')]), 'prompts.txt')
  const batch = await readJson(await fetch(`${server.url}/v1/jobs`, { method: 'POST', body: rows }))
  await inQueue(server, 1)
  const instances = Array.from({ length: 20 }, (_, place) => ({ prompt: `instance ${place}` }))
  const list = post(server, '/vertex_generate', { instances })
  await inQueue(server, 2)
  const single = generate(server, { prompt: 'single' })
  await inQueue(server, 3)
  release()
  expect((await single).status).toBe(200)
  expect(promptsOf(server).indexOf('single')).toBe(2)
  expect((await readJson(await list)).predictions).toHaveLength(20)
  await expect.poll(async () => (await ask(server, `/v1/jobs/${batch.id}`)).status, { timeout: 10_000 }).toBe('completed')
})

it('a video counts by its frames in the waiting times of all others', async () => {
  const server = await startLoadedServer()
  const { release } = server.backend.hold()
  await post(server, '/v1/videos', { prompt: 'video', num_frames: 33 })
  await inQueue(server, 1)
  const task = await readJson(await post(server, '/generate', { prompt: 'picture' }))
  // At mflux-server's first guess of 80 seconds a megapixel, until something was measured.
  const picture = (80 * 64 * 64) / 1048576
  expect(task.expected_time_seconds).toBeCloseTo(picture * (33 + 1))
  release()
  await inQueue(server, 0)
})

it('no flood of urgent work keeps the others from their turn', async () => {
  const server = await startLoadedServer()
  const { release } = server.backend.hold()
  await post(server, '/generate', { prompt: 'head' })
  await inQueue(server, 1)
  const waiting = generate(server, { prompt: 'waiting' })
  await inQueue(server, 2)
  for (let task = 0; task < 40; task++) await post(server, '/generate', { prompt: `urgent ${task}`, priority: true })
  release()
  expect((await waiting).status).toBe(200)
  await inQueue(server, 0)
  expect(promptsOf(server).indexOf('waiting')).toBe(17)
  expect(promptsOf(server)).toHaveLength(42)
})

it('times are told from what was measured, for the whole line before', async () => {
  const server = await startLoadedServer()
  expect((await generate(server, { prompt: 'measured' })).status).toBe(200)
  const { release } = server.backend.hold()
  const running = generate(server, { prompt: 'running' })
  await inQueue(server, 1)
  const jobs: Json[] = []
  for (const body of [{ prompt: 'first' }, { prompt: 'second', size: '128x64' }, { prompt: 'third', n: 2 }]) {
    jobs.push(await readJson(await post(server, '/v1/jobs', body)))
    await inQueue(server, jobs.length + 1)
  }
  // Once the running one has taken longer than it should, nothing of it is left to be waited for.
  const etas = async () => await Promise.all(jobs.map(async ({ id }) => (await ask(server, `/v1/jobs/${id}`)).eta_seconds))
  await expect
    .poll(async () => {
      const [first, second, third] = await etas()
      return [Math.round((100 * second) / first), Math.round((100 * third) / first)]
    })
    .toEqual([300, 500])
  release()
  expect((await running).status).toBe(200)
  await expect.poll(etas).toEqual([null, null, null])
})
