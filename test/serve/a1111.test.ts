import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ImageRequest } from '../../src/contract/index.ts'
import { DiffgentorError } from '../../src/errors.ts'
import { ask, txt2img } from './a1111-requests.ts'
import { lookAt, makePng } from './pictures.ts'
import { fromBase64, post, readJson, startTestServer } from './test-server.ts'

describe('AUTOMATIC1111: drawing', () => {
  it('case 65: answers txt2img with bare base64 pictures and info as JSON text', async () => {
    const server = await startTestServer()
    const answer = await readJson(await txt2img(server, { prompt: 'x', batch_size: 2, steps: 2 }))
    expect(answer.images).toHaveLength(2)
    for (const image of answer.images) expect(await lookAt(fromBase64(image))).toMatchObject({ width: 64, format: 'png' })
    const info = JSON.parse(answer.info)
    expect(info.all_seeds).toEqual([info.seed, (info.seed + 1) % 2 ** 32])
    expect(info.infotexts[0]).toMatch(/^x\nSteps: 2, .*Seed: \d+, Size: 64x64/)
    expect(info).toMatchObject({ prompt: 'x', width: 64, height: 64, steps: 2, batch_size: 2, sd_model_name: 'acme/fake-1' })
    expect(answer.parameters).toMatchObject({ prompt: 'x', batch_size: 2, steps: 2 })
  })

  it('case 66: tells options, models, samplers and an idle progress to a caller with an empty authorization', async () => {
    const server = await startTestServer()
    const headers = { authorization: '' }
    expect((await ask(server, 'options', headers)).sd_model_checkpoint).toBe('acme/fake-1')
    expect(await ask(server, 'sd-models', headers)).toMatchObject([{ title: 'acme/fake-1', model_name: 'acme/fake-1' }])
    expect(await ask(server, 'samplers', headers)).toContainEqual({ name: 'Euler a', aliases: expect.any(Array), options: {} })
    expect(await ask(server, 'progress', headers)).toMatchObject({ progress: 0, state: { job_count: 0 }, current_image: null })
  })

  it('passes on what a request asks for', async () => {
    const server = await startTestServer()
    const answer = await txt2img(server, {
      prompt: 'a (red:1.2) apple',
      negative_prompt: 'blur',
      seed: 7,
      steps: 5,
      cfg_scale: 0,
      width: 32,
      height: 48,
      n_iter: 2,
      batch_size: 2,
      sampler_name: 'DPM++ 2M Karras',
      override_settings: { CLIP_stop_at_last_layers: 2 },
    })
    expect(answer.headers.get('x-seed')).toBe('7,8,9,10')
    expect(server.backend.requests.map((request) => request.seeds)).toEqual([
      [7, 8],
      [9, 10],
    ])
    expect(server.backend.requests[0]).toMatchObject({
      prompt: 'a (red:1.2) apple',
      negativePrompt: 'blur',
      numInferenceSteps: 5,
      guidanceScale: 0,
      size: { width: 32, height: 48 },
      diffusion: { scheduler: 'DPM++ 2M karras', clipSkip: 1, promptSyntax: 'a1111' },
    })
  })

  it('takes LoRAs from the prompt and lists them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'loras-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const head = Buffer.from(JSON.stringify({ __metadata__: { ss_base_model_version: 'sd_v1' } }))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(head.byteLength))
    await writeFile(join(folder, 'ink.safetensors'), Buffer.concat([length, head]))
    const server = await startTestServer({ settings: { loraDir: folder } })
    const answer = await readJson(await txt2img(server, { prompt: 'a cat <lora:ink:0.7>' }))
    const [request] = server.backend.requests
    expect(request).toMatchObject({ prompt: 'a cat', diffusion: { loras: [{ weight: 0.7 }] } })
    expect(request!.diffusion!.loras![0]!.path).toMatch(/ink\.safetensors$/)
    expect(JSON.parse(answer.info).prompt).toBe('a cat <lora:ink:0.7>')
    expect(await ask(server, 'loras')).toMatchObject([{ name: 'ink', metadata: { ss_base_model_version: 'sd_v1' } }])
    expect((await txt2img(server, { prompt: '<lora:none:1>' })).status).toBe(400)
  })

  it('passes on what the ControlNet extension is asked for, from folders that the operator names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'models-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await mkdir(join(folder, 'canny'))
    const server = await startTestServer({ settings: { modelsDir: folder } })
    const unit = { image: (await makePng(16, 16)).toString('base64'), module: 'canny', model: 'canny [abcd1234]', weight: 0.5 }
    const draw = (args: object[]) => txt2img(server, { prompt: 'x', alwayson_scripts: { ControlNet: { args } } })
    const { warnings } = await readJson(
      await draw([
        { ...unit, guidance_end: 0.8 },
        { ...unit, enabled: false },
      ]),
    )
    expect(server.backend.requests[0]!.diffusion!.controlnets).toEqual([
      { path: join(folder, 'canny'), image: expect.any(Uint8Array), scale: 0.5, start: 0, end: 0.8 },
    ])
    expect(warnings).toEqual([expect.stringContaining('preprocessor canny')])
    for (const model of ['..', '../canny', folder, 'nope', 'test/serve']) {
      expect((await draw([{ ...unit, model }])).status).toBe(400)
    }
    expect((await draw([{ model: 'canny' }])).status).toBe(400)
  })

  it('draws a second pass over the enlarged picture', async () => {
    const server = await startTestServer()
    const body = { prompt: 'x', seed: 3, width: 32, height: 32, enable_hr: true, hr_scale: 2, denoising_strength: 0.4, steps: 2 }
    const { images } = await readJson(await txt2img(server, { ...body, hr_second_pass_steps: 4, hr_upscaler: 'Latent' }))
    expect(await lookAt(fromBase64(images[0]))).toMatchObject({ width: 64, height: 64 })
    const [first, second] = server.backend.requests
    expect(first).toMatchObject({ seeds: [3], numInferenceSteps: 2 })
    expect(second).toMatchObject({ seeds: [3], numInferenceSteps: 4, edit: { strength: 0.4 } })
    expect(await lookAt(second!.edit!.images[0]!)).toMatchObject({ width: 64, height: 64 })
  })

  it('turns the noise towards another seed’s, and tells both seeds of each picture', async () => {
    const server = await startTestServer()
    const body = { prompt: 'x', seed: 7, subseed: 20, subseed_strength: 0.25, batch_size: 2, n_iter: 2 }
    const answer = await readJson(await txt2img(server, { ...body, seed_resize_from_w: 48, seed_resize_from_h: 32 }))
    expect(answer.images).toHaveLength(4)
    expect(JSON.parse(answer.info)).toMatchObject({
      all_seeds: [7, 7, 7, 7],
      subseed: 20,
      all_subseeds: [20, 21, 22, 23],
      subseed_strength: 0.25,
      seed_resize_from_w: 48,
      batch_size: 2,
    })
    const wishes = server.backend.requests.map(({ seeds, diffusion }) => [
      seeds,
      diffusion!.variationSeed,
      diffusion!.variationStrength,
    ])
    expect(wishes).toEqual([20, 21, 22, 23].map((subseed) => [[7], subseed, 0.25]))
    expect(server.backend.requests[0]!.diffusion!.seedResizeFrom).toEqual({ width: 48, height: 32 })
    const random = JSON.parse((await readJson(await txt2img(server, { subseed_strength: 0.5 }))).info)
    expect(random.subseed).toBeGreaterThanOrEqual(0)
  })

  it('leaves out a layout of steps that a sampler does not know, and says so', async () => {
    const server = await startTestServer()
    Object.assign(server.backend, {
      check: ({ diffusion }: ImageRequest) => {
        if (diffusion?.scheduler?.endsWith('karras')) throw new DiffgentorError('invalid_request', 'no option use_karras_sigmas')
      },
    })
    const drawn = await readJson(await txt2img(server, { prompt: 'x', sampler_name: 'Euler a', scheduler: 'Karras' }))
    expect(drawn.warnings).toEqual([expect.stringContaining('Euler a does not know the layout Karras')])
    const known = await readJson(await txt2img(server, { prompt: 'x', sampler_name: 'k_euler_a', scheduler: 'exponential' }))
    expect(known.warnings).toEqual([])
    const nameless = await readJson(await txt2img(server, { prompt: 'x', scheduler: 'karras' }))
    expect(nameless.warnings).toEqual([expect.stringContaining('needs a sampler')])
    expect(server.backend.requests.map(({ diffusion }) => diffusion!.scheduler)).toEqual([
      'Euler a',
      'Euler a exponential',
      undefined,
    ])
    expect((await txt2img(server, { prompt: 'x', scheduler: 'nope' })).status).toBe(404)
  })

  it('refuses in the words of the origin', async () => {
    const server = await startTestServer()
    const error = async (body: unknown, path = 'txt2img') => {
      const response = await post(server, `/sdapi/v1/${path}`, body)
      return [response.status, await readJson(response)]
    }
    expect(await error({ sampler_name: 'nope' })).toEqual([
      404,
      { error: 'HTTPException', detail: 'Sampler not found', body: '', errors: 'Sampler not found' },
    ])
    expect(await error({ override_settings: { sd_model_checkpoint: 'nope' } })).toMatchObject([404, { error: 'HTTPException' }])
    expect(await error({}, 'img2img')).toMatchObject([404, { detail: 'Init image not found' }])
    expect(await error({ init_images: ['%%%'] }, 'img2img')).toMatchObject([400, { detail: 'Invalid encoded image' }])
    expect(await error({ n_iter: 100, batch_size: 16 })).toMatchObject([400, { detail: expect.stringContaining('1600') }])
    expect(await error({ steps: 'many' })).toMatchObject([422, { detail: [{ loc: ['body', 'steps'] }] }])
    expect(await error({ prompt: '[fail:out_of_memory]' })).toMatchObject([500, { error: 'HTTPException' }])
  })

  it('says what it does not honor', async () => {
    const server = await startTestServer()
    const { warnings } = await readJson(await txt2img(server, { alwayson_scripts: { ADetailer: {} }, restore_faces: true }))
    expect(warnings.join()).toMatch(/restore_faces.*alwayson_scripts\.ADetailer/)
    const hosted = await startTestServer({ abilities: { diffusion: false } })
    const answer = await readJson(await txt2img(hosted, { batch_size: 2, seed: 1, subseed_strength: 0.5 }))
    expect(answer.warnings).toEqual(['This server does not honor subseed_strength.'])
    expect(JSON.parse(answer.info).all_seeds).toEqual([1, 2])
  })
})

describe('AUTOMATIC1111: progress', () => {
  it('tells how far a request is, with a view of the picture, and ends it at once', async () => {
    const server = await startTestServer()
    const { release } = server.backend.hold()
    const started = server.backend.nextStart()
    const drawing = txt2img(server, { prompt: 'x', steps: 4, n_iter: 3 })
    await started
    expect(await ask(server, 'progress')).toMatchObject({
      progress: 0,
      state: { job: 'Batch 1 out of 3', job_count: 3, job_no: 0, interrupted: false },
    })
    expect(await readJson(await post(server, '/sdapi/v1/interrupt', {}))).toEqual({})
    expect(await readJson(await drawing)).toMatchObject({ images: [] })
    expect(server.backend.aborted).toBe(1)
    release()
    expect((await ask(server, 'progress')).state.job_count).toBe(0)
  })

  it('shows the newest preview', async () => {
    const server = await startTestServer()
    let finish: () => void = () => undefined
    const { backend } = server
    const run = backend.run.bind(backend)
    backend.run = async (request, context) => {
      const result = await run(request, context)
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      return result
    }
    const started = backend.nextStart()
    const drawing = txt2img(server, { prompt: 'x', steps: 4 })
    await started
    await expect.poll(async () => (await ask(server, 'progress')).progress).toBe(1)
    const { current_image: image, state, eta_relative: seconds } = await ask(server, 'progress')
    expect(seconds).toBe(0)
    expect(state).toMatchObject({ sampling_step: 4, sampling_steps: 4 })
    expect(await lookAt(fromBase64(image))).toMatchObject({ width: 64, format: 'png' })
    expect((await ask(server, 'progress?skip_current_image=true')).current_image).toBeNull()
    finish()
    expect((await drawing).status).toBe(200)
  })

  it('counts the second pass over each picture', async () => {
    const server = await startTestServer()
    const shares: number[] = []
    const run = server.backend.run.bind(server.backend)
    server.backend.run = async (request, context) => {
      const result = await run(request, context)
      shares.push((await ask(server, 'progress')).progress)
      return result
    }
    const hires = { enable_hr: true, hr_scale: 2, denoising_strength: 0.5 }
    await txt2img(server, { prompt: 'x', width: 32, height: 32, steps: 4, batch_size: 3, ...hires })
    expect(shares).toEqual([0.25, 0.5, 0.75, 1])
  })

  it('skips one turn and draws the others', async () => {
    const server = await startTestServer()
    const { release } = server.backend.hold()
    const started = server.backend.nextStart()
    const drawing = txt2img(server, { prompt: 'x', seed: 5, n_iter: 2 })
    await started
    const second = server.backend.nextStart()
    expect(await readJson(await post(server, '/sdapi/v1/skip', {}))).toBeNull()
    await second
    release()
    const { images, info } = await readJson(await drawing)
    expect(images).toHaveLength(1)
    expect(JSON.parse(info).all_seeds).toEqual([6])
  })

  it('leaves requests of other keys alone', async () => {
    const server = await startTestServer({ settings: { apiKey: ['a', 'b'] } })
    const as = (key: string) => ({ authorization: `Basic ${btoa(`user:${key}`)}` })
    const { release } = server.backend.hold()
    const started = server.backend.nextStart()
    const drawing = txt2img(server, { prompt: 'x' }, as('a'))
    await started
    expect((await ask(server, 'progress', as('b'))).state.job_count).toBe(0)
    await post(server, '/sdapi/v1/interrupt', {}, as('b'))
    release()
    expect((await readJson(await drawing)).images).toHaveLength(1)
  })
})
