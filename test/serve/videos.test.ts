import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import OpenAI, { toFile } from 'openai'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { readVideo } from '../../src/images/read-video.ts'
import { lookAt, makePng } from './pictures.ts'
import { type Json, post, readJson, startTestServer, type TestServer } from './test-server.ts'

const get = (server: TestServer, path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers })
const order = async (server: TestServer, body: object): Promise<Json> => await readJson(await post(server, '/v1/videos', body))
const client = (server: TestServer) => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any' })
const SHORT = { seconds: 1, size: '32x16' }

/** The video once nothing more happens to it. */
async function settle(server: TestServer, id: string): Promise<Json> {
  let video: Json
  await expect
    .poll(
      async () => {
        video = await readJson(await get(server, `/v1/videos/${id}`))
        return video.status
      },
      { timeout: 20_000, interval: 20 },
    )
    .toMatch(/completed|failed/)
  return video
}

/** Bytes of all buffers that something still refers to. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().arrayBuffers
}

describe('videos', () => {
  it('case 42: are ordered by the openai SDK for Node from text alone', async () => {
    const server = await startTestServer()
    const video = await client(server).videos.create({ prompt: 'x', seconds: '4' })
    expect(video).toMatchObject({ object: 'video', status: 'queued', progress: 0, seconds: '4', size: '64x64', error: null })
    await settle(server, video.id)
    expect(server.backend.requests[0]).toMatchObject({ prompt: 'x', numImages: 1, diffusion: { numFrames: 33 } })
  })

  it('case 43: are drawn, fetched and listed page by page', async () => {
    const server = await startTestServer()
    const first = await order(server, { prompt: 'one', ...SHORT, fps: 4 })
    const second = await order(server, { prompt: 'two', ...SHORT })
    expect(await settle(server, first.id)).toMatchObject({
      status: 'completed',
      progress: 100,
      seconds: '1',
      size: '32x16',
      fps: 4,
      num_frames: 5,
      quality: 'standard',
    })
    await settle(server, second.id)
    const content = await get(server, `/v1/videos/${first.id}/content`)
    expect(content.headers.get('content-type')).toBe('video/mp4')
    expect(Buffer.from(await content.arrayBuffer()).toString('latin1', 4, 12)).toBe('ftypisom')
    const page = await readJson(await get(server, '/v1/videos?limit=1'))
    expect(page).toMatchObject({ object: 'list', has_more: true, first_id: second.id, last_id: second.id })
    const rest = await readJson(await get(server, `/v1/videos?limit=1&after=${page.last_id}`))
    expect(rest).toMatchObject({ has_more: false, data: [{ id: first.id }] })
    expect((await readJson(await get(server, '/v1/videos?order=asc'))).first_id).toBe(first.id)
    expect(await readJson(await get(server, '/v1/videos?after=nope'))).toMatchObject({ data: [], has_more: false })
    const long = await get(server, '/v1/videos?limit=101')
    expect([long.status, (await readJson(long)).detail[0].loc]).toEqual([422, ['query', 'limit']])
  })

  it('case 44: are not handed out too early, and are gone once they are deleted', async () => {
    const server = await startTestServer()
    const { release } = server.backend.hold()
    const { id } = await order(server, { prompt: 'x', ...SHORT })
    const early = await get(server, `/v1/videos/${id}/content`)
    expect([early.status, early.headers.get('x-should-retry')]).toEqual([404, 'false'])
    expect((await readJson(early)).detail).toBe('Generation is still in-progress')
    const waiting = await get(server, `/v1/videos/${id}`)
    expect(Number(waiting.headers.get('openai-poll-after-ms'))).toBeGreaterThan(0)
    const unknown = await get(server, '/v1/videos/video_none')
    expect([unknown.status, (await readJson(unknown)).detail]).toEqual([404, 'Video not found'])
    const deleted = await fetch(`${server.url}/v1/videos/${id}`, { method: 'DELETE' })
    expect(await readJson(deleted)).toEqual({ id, object: 'video.deleted', deleted: true, status: 'deleted' })
    await expect.poll(() => server.backend.aborted).toBe(1)
    for (const path of ['', '/content']) expect((await get(server, `/v1/videos/${id}${path}`)).status).toBe(404)
    release()
    expect((await readJson(await get(server, '/v1/videos'))).data).toEqual([])
  })

  it('go through the whole life with the helpers of the openai SDK for Node', async () => {
    const server = await startTestServer()
    const { videos } = client(server)
    const reference = await toFile(await makePng(32, 16), 'start.png')
    const video = await videos.create({ prompt: 'x', seconds: '4', input_reference: reference })
    expect(await settle(server, video.id)).toMatchObject({ size: '32x16' })
    expect(server.backend.requests[0]!.edit!.images).toHaveLength(1)
    const film = Buffer.from(await (await videos.downloadContent(video.id)).arrayBuffer())
    expect(film.subarray(4, 8).toString()).toBe('ftyp')
    const remixed = await videos.remix(video.id, { prompt: 'y' })
    expect(remixed.remixed_from_video_id).toBe(video.id)
    await settle(server, remixed.id)
    const [first, second] = server.backend.requests
    expect(second).toEqual({
      ...first,
      prompt: 'y',
      edit: expect.objectContaining({ images: first!.edit!.images.map(Buffer.from) }),
    })
    const ids: string[] = []
    for await (const { id } of videos.list({ limit: 1 })) ids.push(id)
    expect(ids).toEqual([remixed.id, video.id])
    expect(await videos.delete(video.id)).toMatchObject({ deleted: true })
    await expect(videos.retrieve(video.id)).rejects.toMatchObject({ status: 404 })
  })

  it('begin with a picture that is named by its address, and with no file of an unknown store', async () => {
    const server = await startTestServer()
    const { videos } = client(server)
    const address = `data:image/png;base64,${(await makePng(48, 32)).toString('base64')}`
    const video = await videos.create({ prompt: 'x', input_reference: { image_url: address } })
    expect(await settle(server, video.id)).toMatchObject({ status: 'completed', size: '48x32' })
    const named = await order(server, { prompt: 'x', seconds: 1, reference_url: address })
    expect(named.size).toBe('48x32')
    const unknown = videos.create({ prompt: 'x', input_reference: { file_id: 'file-1' } })
    await expect(unknown).rejects.toMatchObject({ status: 400, param: 'image' })
    const blind = await startTestServer({ abilities: { edit: false } })
    const refused = client(blind).videos.create({ prompt: 'x', input_reference: { image_url: address } })
    await expect(refused).rejects.toMatchObject({ status: 400, param: 'input_reference' })
  })

  it('are the same bytes for the same seed', async () => {
    const server = await startTestServer()
    const films: string[] = []
    for (const seed of [7, 7, 8]) {
      const { id } = await order(server, { prompt: 'x', ...SHORT, seed })
      await settle(server, id)
      films.push(Buffer.from(await (await get(server, `/v1/videos/${id}/content`)).arrayBuffer()).toString('base64'))
    }
    expect(films[1]).toBe(films[0])
    expect(films[2]).not.toBe(films[0])
  })

  it('can be fetched in parts, as players do when they seek', async () => {
    const server = await startTestServer()
    const { id } = await order(server, { prompt: 'x', ...SHORT })
    await settle(server, id)
    const path = `/v1/videos/${id}/content`
    const whole = Buffer.from(await (await get(server, path)).arrayBuffer())
    const part = await get(server, path, { range: 'bytes=8-15' })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 8-15/${whole.length}`])
    expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(8, 16))).toBe(true)
    expect((await get(server, path, { range: `bytes=${whole.length}-` })).status).toBe(416)
  })

  it('leave no frames in memory once they are finished', async () => {
    const server = await startTestServer()
    const draw = async () => await settle(server, (await order(server, { prompt: '[flat]', num_frames: 33, size: '256x256' })).id)
    await draw()
    const before = heldBytes()
    for (let film = 0; film < 4; film++) await draw()
    const film = 33 * 256 * 256 * 3
    await expect.poll(() => heldBytes() - before).toBeLessThan(film)
  })

  it('come with their first frame and a sheet of frames', async () => {
    const server = await startTestServer()
    const { id } = await order(server, { prompt: 'x', ...SHORT })
    await settle(server, id)
    const load = async (variant: string) =>
      await sharp(await (await get(server, `/v1/videos/${id}/content?variant=${variant}`)).arrayBuffer()).metadata()
    expect(await load('thumbnail')).toMatchObject({ format: 'webp', width: 32, height: 16 })
    expect((await load('spritesheet')).format).toBe('jpeg')
    expect((await get(server, `/v1/videos/${id}/content?variant=sound`)).status).toBe(422)
  })

  it('tell what went wrong', async () => {
    const server = await startTestServer()
    const { id } = await order(server, { prompt: '[fail:out_of_memory]', ...SHORT })
    const failed = await settle(server, id)
    expect(failed).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('asked the fake backend to fail') },
    })
    expect((await get(server, `/v1/videos/${id}/content`)).status).toBe(404)
  })

  it('take SGLang’s fields, nested or not, and tell the frames that the model makes in place of those asked for', async () => {
    const server = await startTestServer()
    const nested = await order(server, { prompt: 'x', extra_body: { num_frames: 7, num_inference_steps: 2 }, size: '16x16' })
    expect(nested).toMatchObject({ num_frames: 9, warnings: [expect.stringContaining('7 were asked for and 9 are made')] })
    await settle(server, nested.id)
    expect(server.backend.requests[0]).toMatchObject({ numInferenceSteps: 2, diffusion: { numFrames: 9 } })
    expect((await post(server, '/v1/videos', { prompt: 'x', num_frames: 'many' })).status).toBe(422)
    const huge = await post(server, '/v1/videos', { prompt: 'x', num_frames: 257, size: '4096x4096' })
    expect([huge.status, (await readJson(huge)).error.param]).toEqual([400, 'num_frames'])
    expect((await post(server, '/v1/videos', { prompt: 'x', size: 'large' })).status).toBe(400)
    const missing = await post(server, '/v1/videos', {})
    expect([missing.status, (await readJson(missing)).error.param]).toEqual([422, 'prompt'])
  })

  it('are ordered and edited by JSON that curl calls a form, and by a form without files', async () => {
    const server = await startTestServer()
    const send = async (path: string, body: string): Promise<Json> => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      return await readJson(await fetch(server.url + path, { method: 'POST', headers, body }))
    }
    const { id, ...video } = await send('/v1/videos', ' {"prompt": "x", "seconds": 1, "size": "32x16"}')
    expect(video).toMatchObject({ prompt: 'x', seconds: '1', size: '32x16' })
    expect(await send('/v1/videos', 'prompt=a+b&seconds=1&size=16x16')).toMatchObject({ prompt: 'a b', size: '16x16' })
    expect(await send('/v1/videos/edits', JSON.stringify({ prompt: 'y', video: { id } }))).toMatchObject({ prompt: 'y' })
    expect(await send('/v1/videos', '{"prompt": ')).toMatchObject({ detail: 'The body is not valid JSON.' })
  })

  it('wait in the server’s queue like everything else', async () => {
    const server = await startTestServer({ settings: { maxQueue: 1 } })
    const { release } = server.backend.hold()
    const [running, waiting] = [await order(server, { prompt: 'a', ...SHORT }), await order(server, { prompt: 'b', ...SHORT })]
    const refused = await post(server, '/v1/videos', { prompt: 'c', ...SHORT })
    expect([refused.status, (await readJson(refused)).error.code]).toEqual([429, 'queue_full'])
    expect((await readJson(await get(server, `/v1/videos/${waiting.id}`))).status).toBe('queued')
    expect((await readJson(await get(server, `/v1/videos/${running.id}`))).status).toBe('in_progress')
    release()
    await settle(server, waiting.id)
  })

  it('belong to the key that ordered them', async () => {
    const server = await startTestServer({ settings: { apiKey: ['one', 'two'] } })
    const [one, two] = ['one', 'two'].map((key) => ({ authorization: `Bearer ${key}` })) as [Json, Json]
    const { id } = await readJson(await post(server, '/v1/videos', { prompt: 'x', ...SHORT }, one))
    expect((await get(server, `/v1/videos/${id}`, one)).status).toBe(200)
    expect((await get(server, `/v1/videos/${id}`, two)).status).toBe(404)
    expect((await readJson(await get(server, '/v1/videos', two))).data).toEqual([])
    expect((await get(server, `/v1/videos/${id}`)).status).toBe(401)
  })

  it('are refused without a model that makes them, and without a store to keep them', async () => {
    const pictures = await startTestServer({ abilities: { video: undefined } })
    const refused = await post(pictures, '/v1/videos', { prompt: 'x' })
    expect([refused.status, (await readJson(refused)).detail]).toEqual([
      400,
      expect.stringMatching(/^This server is not configured for video generation/),
    ])
    expect((await readJson(await get(pictures, '/v1/videos'))).data).toEqual([])
    for (const path of ['/v1/videos/video_1', '/v1/videos/video_1/content']) expect((await get(pictures, path)).status).toBe(404)
    expect((await fetch(`${pictures.url}/v1/videos/video_1`, { method: 'DELETE' })).status).toBe(404)
    const forgetful = await startTestServer({ settings: { imageStore: false } })
    expect((await post(forgetful, '/v1/videos', { prompt: 'x' })).status).toBe(400)
  })

  it('are edited by their id; characters are not offered', async () => {
    const server = await startTestServer()
    const { id } = await order(server, { prompt: 'x', ...SHORT })
    const edited = await client(server).videos.edit({ prompt: 'y', video: { id } })
    expect(edited).toMatchObject({ prompt: 'y', remixed_from_video_id: id })
    const film = await toFile(Buffer.from('film'), 'film.mp4')
    await expect(client(server).videos.edit({ prompt: 'y', video: film })).rejects.toMatchObject({ status: 400 })
    await expect(client(server).videos.createCharacter({ name: 'y', video: film })).rejects.toMatchObject({ status: 501 })
  })

  it('go on behind their end, from their last frame, and are remixed with their beginning', async () => {
    const server = await startTestServer()
    const { videos } = client(server)
    const load = async (id: string, variant?: 'thumbnail' | 'spritesheet') =>
      Buffer.from(await (await videos.downloadContent(id, variant && { variant })).arrayBuffer())
    const { id } = await order(server, { prompt: 'x', ...SHORT, seed: 7 })
    await settle(server, id)
    const first = readVideo(await load(id))

    const longer = await videos.extend({ prompt: 'y', seconds: '4', video: { id } })
    expect(longer).toMatchObject({ status: 'queued', prompt: 'y', remixed_from_video_id: id, seconds: '5', num_frames: 41 })
    expect(await settle(server, longer.id)).toMatchObject({ status: 'completed', size: '32x16', seed: 7 })
    const drawn = server.backend.requests.at(-1)!
    expect(drawn).toMatchObject({ prompt: 'y', size: { width: 32, height: 16 }, diffusion: { numFrames: 33 } })
    expect(await lookAt(drawn.edit!.images[0]!)).toEqual({ width: 32, height: 16, format: 'png' })
    const film = readVideo(await load(longer.id))
    expect(film.samples).toHaveLength(41)
    expect(film.samples.slice(0, 9)).toEqual(first.samples)
    expect(film.framesPerSecond).toBe(8)
    expect(await lookAt(await load(longer.id, 'thumbnail'))).toMatchObject({ width: 32, height: 16, format: 'webp' })
    expect((await lookAt(await load(longer.id, 'spritesheet'))).format).toBe('jpeg')

    const remixed = await videos.remix(longer.id, { prompt: 'z' })
    await settle(server, remixed.id)
    expect(readVideo(await load(remixed.id)).samples.slice(0, 9)).toEqual(first.samples)
    expect(server.backend.requests.at(-1)!.edit!.images[0]).toEqual(drawn.edit!.images[0])
  })

  it('do not go on before they are finished, nor where the model begins with text alone', async () => {
    const server = await startTestServer()
    const { release } = server.backend.hold()
    const { id } = await order(server, { prompt: 'x', ...SHORT })
    const extend = async (one: TestServer, video: string) =>
      await post(one, '/v1/videos/extensions', { prompt: 'y', video: { id: video } })
    expect((await extend(server, id)).status).toBe(400)
    expect((await extend(server, 'video_none')).status).toBe(404)
    release()
    const blind = await startTestServer({ abilities: { edit: false } })
    const film = await order(blind, { prompt: 'x', ...SHORT })
    await settle(blind, film.id)
    const refused = await extend(blind, film.id)
    expect([refused.status, (await readJson(refused)).error.param]).toEqual([400, 'video'])
  })
})

describe('a picture of a model of films', () => {
  const video = { frameMultiple: 4, minFrames: 1, maxFrames: 81, framesPerSecond: 16 }
  const askedFrames = async (server: TestServer, path: string, body: object): Promise<number | undefined> => {
    expect((await post(server, path, body)).status).toBe(200)
    return server.backend.requests.at(-1)!.diffusion?.numFrames
  }

  it('is a film of one frame, whichever protocol asks for it', async () => {
    const server = await startTestServer({ abilities: { video } })
    for (const [path, body] of [
      ['/v1/images/generations', { prompt: 'x' }],
      ['/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] }],
      ['/sdapi/v1/txt2img', { prompt: 'x' }],
      ['/vertex_generate', { instances: [{ prompt: 'x' }] }],
    ] as const)
      expect([path, await askedFrames(server, path, body)]).toEqual([path, 1])
  })

  it('takes what the model makes where it makes no film so short, and nothing where it makes none', async () => {
    const long = await startTestServer({ abilities: { video: { ...video, minFrames: 5 } } })
    const still = await startTestServer({ abilities: { video: undefined } })
    for (const server of [long, still]) {
      expect(await askedFrames(server, '/v1/images/generations', { prompt: 'x' })).toBeUndefined()
    }
  })
})
