import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startFakeHub } from '../models/hub/fake-hub.ts'
import { writeSafetensors } from '../support/write-safetensors.ts'
import { lookAt, makePng } from './pictures.ts'
import { fromBase64, generate, type Json, post, readJson, startTestServer, type TestServer } from './test-server.ts'

const get = (server: TestServer, path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers })
const setLora = (server: TestServer, body: object, headers: Record<string, string> = {}) =>
  post(server, '/v1/set_lora', body, headers)

/** A folder with the LoRA files `ink` and `oil`, and one that is torn. */
async function makeLoraDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diffgentor-loras-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const name of ['ink', 'oil']) {
    await writeSafetensors(join(folder, `${name}.safetensors`), { 'x.lora_A.weight': { shape: [1], data: [1] } })
  }
  await writeFile(join(folder, 'torn.safetensors'), 'no file of tensors')
  return folder
}

/** Names and weights of the LoRAs that the next picture is drawn with. */
async function drawnWith(server: TestServer, body: object = {}): Promise<[string, number][]> {
  await (await generate(server, { prompt: 'x', ...body })).text()
  const loras = server.backend.requests.at(-1)!.diffusion?.loras ?? []
  return loras.map(({ path, weight }) => [path.replace(/^.*[\\/]/, ''), weight])
}

describe('SGLang’s LoRA routes', () => {
  it('case 45: a new name needs a path, a known one does not, and no content type is needed', async () => {
    const server = await startTestServer({ settings: { loraDir: await makeLoraDir() } })
    const unknown = await setLora(server, { lora_nickname: 'a' })
    expect(unknown.status).toBe(400)
    expect((await readJson(unknown)).detail).toBe(
      'Failed to set LoRA adapter: Adapter a not found in the pipeline. Please provide lora_path to load it.',
    )
    const set = await setLora(server, { lora_nickname: 'a', lora_path: 'ink.safetensors' })
    expect(await readJson(set)).toEqual({ status: 'ok', message: expect.stringMatching(/^Successfully set LoRA adapter/) })
    expect((await setLora(server, { lora_nickname: 'a' })).status).toBe(200)
    const bare = await fetch(`${server.url}/v1/set_lora`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: '{"lora_nickname": "a"}',
    })
    expect(bare.status).toBe(200)
    expect(await drawnWith(server)).toEqual([['ink.safetensors', 1]])
  })

  it('case 46: unmerge, list and merge work with an empty body', async () => {
    const server = await startTestServer({ settings: { loraDir: await makeLoraDir() } })
    const loraPath = 'ink.safetensors'
    await setLora(server, { lora_nickname: 'a', lora_path: loraPath, strength: 0.5 })
    const unmerged = await post(server, '/v1/unmerge_lora_weights', '')
    expect((await readJson(unmerged)).message).toMatch(/^Successfully unmerged LoRA weights/)
    const loaded = [{ nickname: 'a', path: loraPath }]
    expect(await readJson(await get(server, '/v1/list_loras'))).toEqual({ loaded_adapters: loaded, active: {} })
    expect(await drawnWith(server)).toEqual([])
    expect((await readJson(await post(server, '/v1/merge_lora_weights', ''))).status).toBe('ok')
    expect(await readJson(await get(server, '/v1/list_loras'))).toEqual({
      loaded_adapters: loaded,
      active: { transformer: [{ ...loaded[0], merged: true, strength: 1 }] },
    })
    expect(await drawnWith(server)).toEqual([['ink.safetensors', 1]])
    await post(server, '/v1/merge_lora_weights', { strength: 0.25 })
    expect(await drawnWith(server)).toEqual([['ink.safetensors', 0.25]])
    for (const path of ['/v1/unmerge_lora_weights', '/v1/unmerge_lora_weights'])
      expect((await post(server, path, {})).status).toBe(200)
  })

  it('replace what was set before silently, take lists, and give way to a request’s own LoRA', async () => {
    const server = await startTestServer({ settings: { loraDir: await makeLoraDir() } })
    await setLora(server, { lora_nickname: 'a', lora_path: 'ink' })
    const both = { lora_nickname: ['a', 'b'], lora_path: [null, 'oil'], strength: [0.5, -1] }
    expect((await setLora(server, both)).status).toBe(200)
    expect(await drawnWith(server)).toEqual([
      ['ink.safetensors', 0.5],
      ['oil.safetensors', -1],
    ])
    await setLora(server, { lora_nickname: 'b', strength: 2, target: 'transformer' })
    expect(await drawnWith(server)).toEqual([['oil.safetensors', 2]])
    expect(await drawnWith(server, { lora: { name: 'ink', scale: 0.1 } })).toEqual([['ink.safetensors', 0.1]])
    await (await post(server, '/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] })).text()
    expect(server.backend.requests.at(-1)!.diffusion!.loras).toHaveLength(1)
    await setLora(server, { lora_nickname: 'b', lora_path: 'ink' })
    expect(await drawnWith(server)).toEqual([['ink.safetensors', 1]])
  })

  it.each([
    ['lists of different lengths', { lora_nickname: ['a', 'b'], lora_path: ['ink'] }, 400],
    ['one path for two names', { lora_nickname: ['a', 'b'], lora_path: 'ink' }, 400],
    ['an unknown part', { lora_nickname: 'a', lora_path: 'ink', target: 'unet' }, 400],
    ['a part that no model has', { lora_nickname: 'a', lora_path: 'ink', target: ['critic'] }, 400],
    ['a path outside of the folder', { lora_nickname: 'a', lora_path: '/etc/passwd' }, 400],
    ['a path that climbs out', { lora_nickname: 'a', lora_path: '../out.safetensors' }, 400],
    ['a link out of the folder', { lora_nickname: 'a', lora_path: 'link.safetensors' }, 400],
    ['a torn file', { lora_nickname: 'a', lora_path: 'torn' }, 500],
    ['no nickname', { lora_path: 'ink' }, 422],
    ['a strength that is no number', { lora_nickname: 'a', lora_path: 'ink', strength: 'much' }, 422],
  ])('refuse %s', async (_, body, status) => {
    const loraDir = await makeLoraDir()
    await symlink('/etc/hostname', join(loraDir, 'link.safetensors'))
    const server = await startTestServer({ settings: { loraDir } })
    const refused = await setLora(server, body)
    expect(refused.status).toBe(status)
    const { detail, error } = await readJson(refused)
    if (!('lora_nickname' in body)) {
      expect(error).toMatchObject({ code: 'missing_required_parameter', param: 'lora_nickname' })
      expect(detail).toEqual([{ loc: ['body', 'lora_nickname'], msg: 'Field required', type: 'missing' }])
    }
    if (status !== 422) expect(detail).toMatch(/^Failed to set LoRA adapter: /)
    if (status === 500) expect(refused.headers.get('x-should-retry')).toBe('false')
    expect((await readJson(await get(server, '/v1/list_loras'))).loaded_adapters).toEqual([])
  })

  it('find a repository of the hub that was downloaded, and no other one while the hub is not to be asked', async () => {
    const hfHubCache = await makeLoraDir()
    const folder = join(hfHubCache, 'models--org--ink')
    await mkdir(join(folder, 'refs'), { recursive: true })
    await writeFile(join(folder, 'refs', 'main'), 'c0ffee')
    await mkdir(join(folder, 'snapshots', 'c0ffee'), { recursive: true })
    await symlink(join(hfHubCache, 'ink.safetensors'), join(folder, 'snapshots', 'c0ffee', 'lora.safetensors'))
    const server = await startTestServer({ settings: { hfHubCache, hfHubOffline: true } })
    expect((await setLora(server, { lora_nickname: 'a', lora_path: 'org/ink' })).status).toBe(200)
    expect(await drawnWith(server)).toEqual([['lora.safetensors', 1]])
    expect(await drawnWith(server, { lora: { path: 'org/ink', scale: 0.5 } })).toEqual([['lora.safetensors', 0.5]])
    const unknown = await generate(server, { prompt: 'x', lora: { path: 'org/other' } })
    expect([unknown.status, (await readJson(unknown)).error.param]).toEqual([400, 'lora'])
    const other = await setLora(server, { lora_nickname: 'b', lora_path: 'org/other' })
    expect([other.status, (await readJson(other)).detail]).toEqual([
      400,
      expect.stringMatching(/^Failed to set LoRA adapter: org\/other is not in the hub cache/),
    ])
  })

  it('download what the hub has, for those who may name files', async () => {
    const hfHubCache = await makeLoraDir()
    const files = { 'fox.safetensors': await readFile(join(hfHubCache, 'ink.safetensors')) }
    const hub = await startFakeHub({ 'acme/fox': { commit: 'c'.repeat(40), files } })
    onTestFinished(() => hub[Symbol.asyncDispose]())
    const keys = { apiKey: ['user'], adminApiKey: ['admin'] }
    const server = await startTestServer({ settings: { hfHubCache, hfEndpoint: hub.endpoint, ...keys } })
    const [user, admin] = ['user', 'admin'].map((key) => ({ authorization: `Bearer ${key}` })) as [Json, Json]
    const body = { lora_nickname: 'a', lora_path: 'acme/fox/fox.safetensors' }
    expect((await setLora(server, body, user)).status).toBe(403)
    expect(hub.requests).toEqual([])
    expect((await setLora(server, body, admin)).status).toBe(200)
    const { length } = hub.requests
    expect((await setLora(server, { lora_nickname: 'b', lora_path: 'acme/fox' }, admin)).status).toBe(200)
    expect(hub.requests).toHaveLength(length)
    expect(await readJson(await get(server, '/v1/list_loras', user))).toMatchObject({
      active: { transformer: [{ nickname: 'b', path: 'acme/fox' }] },
    })
    const missing = await setLora(server, { lora_nickname: 'c', lora_path: 'acme/fox/hare.safetensors' }, admin)
    expect([missing.status, (await readJson(missing)).detail]).toEqual([
      400,
      expect.stringMatching(/^Failed to set LoRA adapter: .*hare\.safetensors/),
    ])
  })

  it('say what they do not honor', async () => {
    const server = await startTestServer({ settings: { loraDir: await makeLoraDir() } })
    const body = { lora_nickname: 'a', lora_path: 'ink', merge_mode: 'dynamic', lora_alpha: [8] }
    const set = await setLora(server, body)
    expect(set.headers.get('x-diffgentor-warnings')).toMatch(/^merge_mode=dynamic is not honored.* lora_alpha is not honored/)
    expect((await readJson(set)).warnings).toHaveLength(2)
    expect((await readJson(await setLora(server, { ...body, merge_mode: 'auto', lora_alpha: null }))).warnings).toBeUndefined()
    expect((await setLora(server, { ...body, merge_mode: 'sometimes' })).status).toBe(422)
  })

  it('take paths from the admin only once keys are set, and names from everybody', async () => {
    const settings = { loraDir: await makeLoraDir(), apiKey: ['user'], adminApiKey: ['admin'] }
    const server = await startTestServer({ settings })
    const [user, admin] = ['user', 'admin'].map((key) => ({ authorization: `Bearer ${key}` })) as [Json, Json]
    const body = { lora_nickname: 'a', lora_path: 'ink' }
    expect((await setLora(server, body)).status).toBe(401)
    expect((await setLora(server, body, user)).status).toBe(403)
    expect((await setLora(server, body, admin)).status).toBe(200)
    expect((await setLora(server, { lora_nickname: 'a' }, user)).status).toBe(200)
  })

  it('say so where the model takes no LoRA files', async () => {
    const server = await startTestServer({ settings: { loraDir: await makeLoraDir() }, abilities: { diffusion: false } })
    expect((await setLora(server, { lora_nickname: 'a', lora_path: 'ink' })).status).toBe(400)
  })
})

describe('SGLang’s image fields', () => {
  it('set the quality in a word, reach the model in diffusers_kwargs, and enlarge', async () => {
    const server = await startTestServer()
    const draw = async (body: object) => {
      const fields = { prompt: 'x', seed: 1, size: '40x30', output_format: 'jpeg', ...body }
      return fromBase64((await readJson(await generate(server, fields))).data[0].b64_json)
    }
    expect((await draw({ output_quality: 'low' })).equals(await draw({ output_compression: 35 }))).toBe(true)
    expect((await draw({ output_quality: 'low' })).length).toBeLessThan((await draw({ output_quality: 'maximum' })).length)
    expect(await lookAt(await draw({ enable_upscaling: true, upscaling_scale: 2 }))).toMatchObject({ width: 80, height: 60 })
    expect(await lookAt(await draw({ enable_upscaling: true }))).toMatchObject({ width: 160, height: 120 })
    await draw({ diffusers_kwargs: { clip_skip: 1, num_inference_steps: 3 } })
    expect(server.backend.requests.at(-1)).toMatchObject({ numInferenceSteps: 3, diffusion: { clipSkip: 1 } })
    const huge = await generate(server, { prompt: 'x', size: '2048x2048', enable_upscaling: true, upscaling_scale: 8 })
    expect([huge.status, (await readJson(huge)).error.param]).toEqual([400, 'upscaling_scale'])
  })
})

describe('SGLang’s fields that nothing honors', () => {
  it('are told with the pictures, and not where nothing was wished for', async () => {
    const server = await startTestServer()
    const wishes = { generator_device: 'cuda', enable_teacache: true, background: 'transparent' }
    const told = await generate(server, { prompt: 'x', ...wishes })
    expect(told.headers.get('x-diffgentor-warnings')).toContain('enable_teacache is not honored')
    const { warnings } = await readJson(told)
    expect(warnings.map((text: string) => text.split(' ')[0])).toEqual(Object.keys(wishes))
    const modest = { generator_device: 'cpu', enable_teacache: false, background: 'auto' }
    expect((await readJson(await generate(server, { prompt: 'x', ...modest }))).warnings).toEqual([])
    expect((await generate(server, { prompt: 'x', diffusers_kwargs: [1] })).status).toBe(422)
  })

  it('are told when a video is ordered, and stay told', async () => {
    const server = await startTestServer()
    const fields = { prompt: 'x', num_frames: 5, size: '16x16', enable_teacache: true, guidance_scale_2: 3 }
    const ordered = await readJson(await post(server, '/v1/videos', fields))
    const told = [expect.stringMatching(/^enable_teacache/), expect.stringMatching(/^guidance_scale_2/)]
    expect(ordered.warnings).toEqual(told)
    const look = async () => await readJson(await get(server, `/v1/videos/${ordered.id}`))
    await expect.poll(async () => (await look()).status, { timeout: 20_000 }).toBe('completed')
    expect((await look()).warnings).toEqual(told)
  })
})

describe('SGLang’s other routes', () => {
  it('tell about the model', async () => {
    const server = await startTestServer()
    const facts = { num_gpus: 1, task_type: 'TI2V', pipeline_name: 'watched', dit_precision: null }
    expect(await readJson(await get(server, '/v1/model_info'))).toEqual({ model_path: 'acme/fake-1' })
    expect(await readJson(await get(server, '/models'))).toMatchObject({ model_path: 'acme/fake-1', ...facts })
    const card = await readJson(await get(server, '/v1/models/acme/fake-1'))
    expect(card).toMatchObject({ object: 'model', root: 'acme/fake-1', parent: null, max_model_len: null, ...facts })
    const pictures = await startTestServer({ abilities: { video: undefined, edit: false } })
    expect((await readJson(await get(pictures, '/models'))).task_type).toBe('T2I')
  })

  it('are healthy once the model is open', async () => {
    let open: () => void = () => undefined
    const opensAfter = new Promise<void>((resolve) => {
      open = resolve
    })
    const server = await startTestServer({ opensAfter })
    expect((await get(server, '/health_generate')).status).toBe(503)
    open()
    await server.ready
    expect(await readJson(await get(server, '/health_generate'))).toEqual({ status: 'ok' })
  })

  it('case 47: know no picture of an unknown id', async () => {
    const server = await startTestServer()
    const unknown = await get(server, '/v1/images/unknown/content')
    expect([unknown.status, (await readJson(unknown)).detail]).toEqual([404, 'Image not found'])
    const { data } = await readJson(await generate(server, { prompt: 'x', n: 2, response_format: 'url' }))
    expect(data[1].url).toMatch(/\?variant=1$/)
    const missing = await fetch(data[1].url.replace('variant=1', 'variant=7'))
    expect([missing.status, (await readJson(missing)).detail]).toEqual([404, 'Image variant 7 not found'])
  })

  it('serve pictures too where no other family is wanted', async () => {
    const server = await startTestServer({ settings: { families: ['sglang'], relativeUrls: true } })
    const { data } = await readJson(await generate(server, { prompt: 'x', response_format: 'url' }))
    expect(data[0].url).toMatch(/^\/v1\/images\/[\w-]+\/content$/)
    expect((await get(server, data[0].url)).headers.get('content-type')).toBe('image/png')
    expect((await get(server, '/v1/jobs')).status).toBe(404)
    const others = await startTestServer({ settings: { families: ['openai'] } })
    expect((await get(others, '/v1/list_loras')).status).toBe(404)
    for (const one of [server, others]) expect((await get(one, '/v1/videos')).status).toBe(200)
  })

  it('draw for Vertex AI, one instance after the other, and tell what failed in its place', async () => {
    const server = await startTestServer()
    const image = (await makePng(20, 10)).toString('base64')
    const instances = [{ prompt: 'a' }, { text: 'b', image }, { prompt: '[fail:nan_output]' }, {}]
    const answer = await readJson(
      await post(server, '/vertex_generate', { instances, parameters: { seed: 3, guidance_scale: 2 } }),
    )
    expect(answer.predictions).toHaveLength(4)
    expect(await lookAt(fromBase64(answer.predictions[0].output))).toEqual({ width: 64, height: 64, format: 'png' })
    expect(await lookAt(fromBase64(answer.predictions[1].output))).toEqual({ width: 20, height: 10, format: 'png' })
    expect(answer.predictions[2].error).toContain('asked the fake backend to fail')
    expect(answer.predictions[3].error).toContain('prompt')
    expect(server.backend.requests[0]).toMatchObject({ prompt: 'a', seeds: [3], guidanceScale: 2 })
    expect(await readJson(await post(server, '/vertex_generate', { instances: [] }))).toEqual({ predictions: [] })
    const video = await post(server, '/vertex_generate', { instances: [{ prompt: 'a' }], parameters: { num_frames: 5 } })
    expect(fromBase64((await readJson(video)).predictions[0].output).toString('latin1', 4, 8)).toBe('ftyp')
  })
})
