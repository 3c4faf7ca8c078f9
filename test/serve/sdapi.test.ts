import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readRecipe } from '../../src/images/read-recipe.ts'
import { lookAt, makePng } from './pictures.ts'
import { type Json, readJson, startTestServer, type TestServer } from './test-server.ts'

const send = (server: TestServer, path: string, init: RequestInit = { method: 'POST' }) => fetch(server.url + path, init)

const ask = (server: TestServer, path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers })

function formOf(bytes: Uint8Array): RequestInit {
  const body = new FormData()
  body.set('image', new Blob([Uint8Array.from(bytes)]), 'image.png')
  return { method: 'POST', body }
}

async function sizeOf(response: Response): Promise<string> {
  expect(response.headers.get('content-type')).toBe('image/png')
  const { width, height, format } = await lookAt(new Uint8Array(await response.arrayBuffer()))
  return `${width}x${height} ${format}`
}

describe('Stable Diffusion API: drawing', () => {
  it('case 55: answers five pictures as one grid of cells on the grid of the origin', async () => {
    const server = await startTestServer()
    const response = await send(server, '/post_config?prompt=x&count_returned=5&width=65&height=64')
    expect(response.headers.get('x-seed')).toBe('0,1,2,3,4')
    expect(await sizeOf(response)).toBe('192x128 png')
  })

  it('lays out grids as the origin does, and leaves the rest black', async () => {
    const server = await startTestServer()
    const gridOf = async (count: number) => await send(server, `/post_config?prompt=x&width=8&height=8&count_returned=${count}`)
    const sizes = []
    for (const count of [1, 2, 3, 4, 8, 9]) sizes.push(await sizeOf(await gridOf(count)))
    expect(sizes.map((size) => size.split(' ')[0])).toEqual(['8x8', '16x8', '24x8', '32x8', '32x16', '24x24'])
    const grid = await sharp(await (await gridOf(5)).arrayBuffer())
      .raw()
      .toBuffer()
    expect([...grid.subarray(-3)]).toEqual([0, 0, 0])
  })

  it('tells in the file how a picture, or the first of a grid, was made', async () => {
    const server = await startTestServer()
    for (const count of [1, 3]) {
      const response = await send(server, `/post_config?prompt=an+apple&seed=5&count_returned=${count}`)
      const stored = await readRecipe(new Uint8Array(await response.arrayBuffer()))
      expect(stored!.recipe).toMatchObject({ prompt: 'an apple', seed: 5, width: 64, height: 64 })
    }
  })

  it('compares two prompts from the same seeds in one picture, each under its own words', async () => {
    const server = await startTestServer()
    const compare = async (promptB: string) => {
      const query = new URLSearchParams({
        prompt: '[flat] one',
        prompt_b: promptB,
        count_returned: '2',
        width: '160',
        height: '40',
      })
      const response = await send(server, `/post_config?${query}&seed=-1`)
      const { data, info } = await sharp(await response.arrayBuffer())
        .raw()
        .toBuffer({ resolveWithObject: true })
      const isBlack = (row: number) =>
        data.subarray(row * info.width * 3, (row + 1) * info.width * 3).every((value) => value === 0)
      const lit = (from: number, to: number) => {
        const rows = data.subarray(from * info.width * 3, to * info.width * 3)
        return rows.filter((value) => value > 127).length
      }
      return { response, info, isBlack, lit }
    }
    const { response, info, isBlack, lit } = await compare('[flat] <two> & three')
    const seeds = response.headers.get('x-seed')!.split(',')
    expect(seeds.slice(0, 2)).toEqual(seeds.slice(2))
    expect(server.backend.requests.map((request) => request.prompt)).toEqual(['[flat] one', '[flat] <two> & three'])
    expect(info.width).toBe(320)
    const label = (info.height - 80) / 2
    expect(label).toBeGreaterThan(12)
    expect(isBlack(0)).toBe(true)
    expect(lit(0, Math.floor(label) - 2)).toBeGreaterThan(20)
    expect(isBlack(info.height - 1)).toBe(false)
    const long = await compare('a very long prompt '.repeat(400))
    expect(long.info.height).toBeGreaterThan(info.height)
    expect(long.info.height).toBeLessThan(info.height + 80)
  })

  it('case 56: edits the picture that a form holds', async () => {
    const server = await startTestServer()
    const response = await send(server, '/post_config?prompt=x&width=40&height=30', formOf(await makePng(64, 48)))
    expect(await sizeOf(response)).toBe('40x24 png')
    expect(server.backend.requests[0]!.edit!.images).toHaveLength(1)
    const broken = await send(server, '/post_config', formOf(Buffer.from('no picture')))
    expect([broken.status, typeof (await readJson(broken)).detail]).toEqual([400, 'string'])
  })

  it('enlarges finished pictures', async () => {
    const server = await startTestServer()
    const query = 'prompt=x&width=16&height=16&count_returned=2'
    expect(await sizeOf(await send(server, `/post_config?${query}&upscaling_scale=3&upscaler=nearest`))).toBe('96x48 png')
    expect((await send(server, `/post_config?${query}&upscaling_scale=2&upscaler=nope`)).status).toBe(400)
    const large = await send(server, '/post_config?width=2048&height=2048&count_returned=4&upscaling_scale=8')
    expect([large.status, (await readJson(large)).detail]).toEqual([400, expect.stringContaining('16384x16384')])
  })

  it('shows a picture to a ControlNet that the operator names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'models-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await mkdir(join(folder, 'canny'))
    const server = await startTestServer({ settings: { modelsDir: folder } })
    const body = new FormData()
    body.set('control_image', new Blob([Uint8Array.from(await makePng(16, 16))]))
    const query = 'prompt=x&controlnet=canny&controlnet_scale=0.5'
    expect((await send(server, `/post_config?${query}`, { method: 'POST', body })).status).toBe(200)
    expect(server.backend.requests[0]).toMatchObject({
      edit: undefined,
      diffusion: { controlnets: [{ path: join(folder, 'canny'), scale: 0.5, start: 0, end: 1 }] },
    })
    for (const asked of [query, 'controlnet=../canny', 'controlnet=nope']) {
      expect((await send(server, `/post_config?${asked}`)).status).toBe(400)
    }
  })

  it('case 57: tells which parameter of the query is wrong', async () => {
    const server = await startTestServer()
    expect((await send(server, '/post_config?width=4096&height=4096&count_returned=64')).status).toBe(400)
    for (const query of ['width=abc', 'torch_dtype=float8', 'count_returned=0']) {
      const response = await send(server, `/post_config?${query}`)
      expect(response.status).toBe(422)
      const { detail } = await readJson(response)
      expect(detail[0].loc).toEqual(['query', query.split('=')[0]])
    }
  })

  it('draws with defaults of its own when nothing is said, and with what is said', async () => {
    const server = await startTestServer()
    expect(await sizeOf(await send(server, '/post_config'))).toBe('64x64 png')
    expect(server.backend.requests[0]).toMatchObject({
      prompt: expect.stringContaining('Fahrrad'),
      negativePrompt: 'blurry, low resolution, low quality',
      numInferenceSteps: 20,
      guidanceScale: 7.5,
      seeds: [0],
    })
    await send(server, '/post_config?prompt=x&seed=9&count_returned=2&guidance_scale=0&num_inference_steps=3&negative_prompt=fog')
    expect(server.backend.requests[1]).toMatchObject({
      seeds: [9, 10],
      guidanceScale: 0,
      numInferenceSteps: 3,
      negativePrompt: 'fog',
    })
    const random = await send(server, '/post_config?prompt=x&seed=-1')
    expect(Number(random.headers.get('x-seed'))).toBeGreaterThanOrEqual(0)
  })
})

describe('Stable Diffusion API: keys', () => {
  it('case 58: refuses in the words of the origin', async () => {
    const server = await startTestServer({ settings: { apiKey: ['user'], adminApiKey: ['boss'] } })
    const answer = async (path: string, key?: string) => {
      const response = await ask(server, path, key === undefined ? {} : { 'x-api-key': key })
      return [response.status, await readJson(response), response.headers.get('www-authenticate')]
    }
    const path = '/get_available_stable_diffs'
    expect(await answer(path)).toEqual([401, { detail: 'Missing API key. Provide X-API-Key header.' }, 'ApiKey'])
    expect(await answer(path, 'wrong')).toEqual([403, { detail: 'Invalid API key' }, null])
    expect(await answer(path, 'user')).toMatchObject([200, { 'fake-1': 'acme/fake-1' }, null])
    expect((await ask(server, `${path}?api_key=user`)).status).toBe(200)
    const admin = '/add_new_lora?name=x'
    expect(await answer(admin)).toEqual([401, { detail: 'Missing admin API key. Provide X-API-Key header.' }, 'ApiKey'])
    expect(await answer(admin, 'user')).toEqual([403, { detail: 'Invalid admin API key. Admin access required.' }, null])
    expect((await answer(admin, 'boss'))[0]).toBe(400)
    const plain = await startTestServer({ settings: { apiKey: ['user'] } })
    const refused = await ask(plain, admin, { 'x-api-key': 'user' })
    expect([refused.status, await readJson(refused)]).toEqual([501, { detail: 'Admin API key not configured on server' }])
  })
})

describe('Stable Diffusion API: what it tells', () => {
  it('case 59: tells whether the model is loaded, before and after it was idle', async () => {
    const server = await startTestServer({ settings: { keepAlive: 1 } })
    const status = async (path = '/buffer_status'): Promise<Json> => await readJson(await ask(server, path))
    expect(await status()).toEqual({
      is_loaded: false,
      loaded_at: null,
      last_accessed: null,
      timeout_seconds: 1,
      timer_active: false,
    })
    await send(server, '/post_config?prompt=x')
    for (const path of ['/buffer_status', '/buffer_status/']) {
      expect(await status(path)).toEqual({
        is_loaded: true,
        loaded_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+$/),
        last_accessed: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+$/),
        timeout_seconds: 1,
        timer_active: true,
      })
    }
    await expect.poll(async () => (await status()).is_loaded, { timeout: 10_000 }).toBe(false)
    expect(await status()).toMatchObject({ loaded_at: null, last_accessed: expect.any(String), timer_active: false })
    expect(server.backend.unloads).toBe(1)
  })

  it('lists the models by short names', async () => {
    const server = await startTestServer({ settings: { modelName: ['acme/fake-1', '/srv/models/fox'] } })
    expect(await readJson(await ask(server, '/get_available_stable_diffs'))).toEqual({
      'fake-1': 'acme/fake-1',
      fox: '/srv/models/fox',
    })
  })

  it('tells its parameters, and the tokens of a prompt where the model can', async () => {
    const server = await startTestServer()
    expect(await readJson(await ask(server, '/get_implemented_parameters'))).toMatchObject({
      model_config: { torch_dtype: 'float16' },
      prompt_config: { num_inference_steps: 20, guidance_scale: 7.5 },
      model_id: 'acme/fake-1',
      count_returned: 1,
      seed: 0,
      width: 64,
      height: 64,
      lora: null,
    })
    expect((await ask(server, '/get_model_embedding?prompt=a')).status).toBe(501)
    Object.assign(server.backend, { listTokens: async (prompt: string) => prompt.split(' ') })
    expect(await readJson(await ask(server, '/get_model_embedding?prompt=a+cat'))).toEqual(['a', 'cat'])
  })

  it('forwards questions to the chat model, or says that there is none', async () => {
    const silent = await startTestServer()
    expect(await readJson(await ask(silent, '/llm_interface?text=hi&role=poet'))).toBe('could not reach LLM')
    const questions: Json[] = []
    const chat = createServer(async (request, response) => {
      questions.push(await new Response(request as unknown as ReadableStream).json())
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'a ripe red apple' } }] }))
    })
    await new Promise<void>((resolve) => chat.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void chat.close())
    const base = `http://127.0.0.1:${(chat.address() as AddressInfo).port}/v1`
    const server = await startTestServer({ settings: { promptEnhancerApiBase: base } })
    expect(await readJson(await ask(server, '/llm_prompt_assistance?text=apple'))).toBe('a ripe red apple')
    expect(await readJson(await ask(server, '/llm_interface?text=hi&role=a+poet'))).toBe('a ripe red apple')
    expect(questions[0].messages).toMatchObject([{ role: 'system' }, { role: 'user', content: 'apple' }])
    expect(questions[1].messages).toEqual([
      { role: 'system', content: 'a poet' },
      { role: 'user', content: 'hi' },
    ])
    chat.close()
    chat.closeAllConnections()
    expect(await readJson(await ask(server, '/llm_interface?text=hi'))).toBe('could not reach LLM')
  })
})

describe('UniDiffuser', () => {
  it('draws from text with any model', async () => {
    const server = await startTestServer()
    expect(await sizeOf(await send(server, '/prompt2img?prompt=x&count_returned=2&width=32&height=32'))).toBe('64x32 png')
    expect(server.backend.requests[0]).toMatchObject({ seeds: [0, 1], numInferenceSteps: 20 })
    const wrong = await send(server, '/prompt2img?seed=abc')
    expect([wrong.status, (await readJson(wrong)).detail[0].loc]).toEqual([422, ['query', 'seed']])
  })

  it('case 60: answers a missing picture with a sentence', async () => {
    const server = await startTestServer()
    for (const path of ['/img2prompt', '/img2embed']) {
      const response = await send(server, path)
      expect([response.status, await readJson(response)]).toEqual([200, 'No image was passed!'])
    }
  })

  it('case 61: answers the embeddings of a picture, and its description, where the model can', async () => {
    const server = await startTestServer()
    const png = await makePng(16, 16)
    expect((await send(server, '/img2embed', formOf(png))).status).toBe(501)
    expect((await send(server, '/img2prompt', formOf(png))).status).toBe(501)
    const asked: Json[] = []
    Object.assign(server.backend, {
      describePicture: async (request: object) => {
        asked.push(request)
        return 'a red square'
      },
      embedPicture: async () => ({
        clip: Float32Array.of(0.5, -1),
        latents: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
        latentShape: [2, 1, 4],
      }),
    })
    expect(await readJson(await send(server, '/img2embed', formOf(png)))).toEqual({
      CLIP_embeddings: [0.5, -1],
      vae_emb: [[[1, 2, 3, 4]], [[5, 6, 7, 8]]],
    })
    expect(await readJson(await send(server, '/img2prompt?num_inference_steps=3', formOf(png)))).toBe('a red square')
    expect(asked[0]).toMatchObject({ numInferenceSteps: 3, guidanceScale: 7.5 })
    expect((await send(server, '/img2prompt', formOf(Buffer.from('no picture')))).status).toBe(400)
  })
})
