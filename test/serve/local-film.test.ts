import { expect, it } from 'vitest'
import { fixturePath } from '../support/fixtures.ts'
import { fetchJson, startServe } from './served-command.ts'
import type { Json } from './test-server.ts'

it('a local model of films makes videos, the same ones for the same seed', async () => {
  const { url } = await startServe(['--model_name', fixturePath('dit/wan_t2v/model')])
  expect((await fetchJson(url, '/models')).task_type).toBe('T2V')
  const films: Buffer[] = []
  for (const seed of [1, 1, 2]) {
    const body = { prompt: 'a fox', size: '64x48', num_inference_steps: 2, seed }
    const { id, num_frames: frames } = await fetchJson(url, '/v1/videos', body)
    expect(frames).toBe(5)
    const look = async (): Promise<Json> => await fetchJson(url, `/v1/videos/${id}`)
    await expect.poll(async () => (await look()).status, { timeout: 60_000 }).toMatch(/completed|failed/)
    expect(await look()).toMatchObject({ status: 'completed', size: '64x48', fps: 16, error: null })
    films.push(Buffer.from(await (await fetch(`${url}/v1/videos/${id}/content`)).arrayBuffer()))
  }
  expect(films[0]!.toString('latin1', 4, 8)).toBe('ftyp')
  expect(films[1]!.equals(films[0]!)).toBe(true)
  expect(films[2]!.equals(films[0]!)).toBe(false)
})

it('a picture of a local model of films is a film of one frame', async () => {
  const { url } = await startServe(['--model_name', fixturePath('dit/wan_t2v/model')])
  const body = { prompt: 'a fox', size: '64x48', num_inference_steps: 2, seed: 1 }
  const { data } = await fetchJson(url, '/v1/images/generations', { ...body, output_format: 'webp' })
  const { id, num_frames: frames } = await fetchJson(url, '/v1/videos', { ...body, num_frames: 1 })
  expect(frames).toBe(1)
  const look = async (): Promise<Json> => await fetchJson(url, `/v1/videos/${id}`)
  await expect.poll(async () => (await look()).status, { timeout: 60_000 }).toBe('completed')
  const thumbnail = await fetch(`${url}/v1/videos/${id}/content?variant=thumbnail`)
  expect(Buffer.from(await thumbnail.arrayBuffer()).toString('base64')).toBe(data[0].b64_json)
})
