import { describe, expect, it } from 'vitest'
import { lookAt } from './pictures.ts'
import { fromBase64, generate, readJson, startTestServer } from './test-server.ts'

describe('POST /v1/images/generations', () => {
  it('case 1: draws one picture of the default size', async () => {
    const server = await startTestServer()
    const response = await generate(server, { prompt: 'x' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    const body = await readJson(response)
    expect(body.data).toHaveLength(1)
    expect(Number.isInteger(body.created)).toBe(true)
    expect(await lookAt(fromBase64(body.data[0].b64_json))).toEqual({ width: 64, height: 64, format: 'png' })
  })

  it('case 2: honors n and sizes in any spelling, and draws the default for auto, null and nothing', async () => {
    const server = await startTestServer()
    const three = await readJson(await generate(server, { prompt: 'x', n: 3, size: '32x48' }))
    const looks = await Promise.all(three.data.map((item: { b64_json: string }) => lookAt(fromBase64(item.b64_json))))
    expect(looks).toEqual(Array(3).fill({ width: 32, height: 48, format: 'png' }))
    expect((await readJson(await generate(server, { prompt: 'x', size: '64X32' }))).size).toBe('64x32')
    for (const size of ['auto', null, '', ' 64 x 64 ']) {
      expect((await readJson(await generate(server, { prompt: 'x', size }))).size).toBe('64x64')
    }
  })

  it('case 3: refuses sizes that are none, in the words that clients look for', async () => {
    const server = await startTestServer()
    for (const size of ['invalid', '1024x', 'axb', '1x2x3']) {
      const response = await generate(server, { prompt: 'x', size })
      const body = await readJson(response)
      expect(response.status).toBe(400)
      expect(body.detail).toMatch(/^Invalid size format: '/)
      expect(body.error.param).toBe('size')
    }
    const zero = await generate(server, { prompt: 'x', size: '0x64' })
    expect(zero.status).toBe(400)
    expect((await readJson(zero)).detail).toContain('positive integers')
  })

  it('case 4: tells a missing prompt and broken JSON apart', async () => {
    const server = await startTestServer()
    const missing = await generate(server, {})
    expect(missing.status).toBe(422)
    const body = await readJson(missing)
    expect(body.detail[0]).toEqual({ loc: ['body', 'prompt'], msg: 'Field required', type: 'missing' })
    expect(body.error).toMatchObject({ param: 'prompt', code: 'missing_required_parameter', type: 'invalid_request_error' })
    const broken = await generate(server, 'not json')
    expect(broken.status).toBe(400)
    expect(broken.headers.get('content-type')).toBe('application/json')
    expect((await readJson(broken)).error.type).toBe('invalid_request_error')
  })

  it('case 5: refuses numbers of pictures outside 1 to 10', async () => {
    const server = await startTestServer()
    for (const n of [0, 11, 'two', 1.5]) expect((await generate(server, { prompt: 'x', n })).status).toBe(422)
  })

  it('case 6: checks steps and guidance, and names the maximum of the model', async () => {
    const server = await startTestServer()
    const statusOf = async (fields: object) => (await generate(server, { prompt: 'x', ...fields })).status
    expect(await statusOf({ num_inference_steps: 201 })).toBe(422)
    expect(await statusOf({ guidance_scale: 20.5 })).toBe(422)
    expect(await statusOf({ true_cfg_scale: -1 })).toBe(422)
    const tooMany = await generate(server, { prompt: 'x', num_inference_steps: 21 })
    expect(tooMany.status).toBe(400)
    expect((await readJson(tooMany)).detail).toContain('at most 20')
  })

  it('case 7: answers in each format and echoes its name', async () => {
    const server = await startTestServer()
    for (const [asked, echoed] of [
      ['jpeg', 'jpeg'],
      ['jpg', 'jpeg'],
      ['webp', 'webp'],
      ['PNG', 'png'],
    ]) {
      const body = await readJson(await generate(server, { prompt: 'x', response_format: 'b64_json', output_format: asked }))
      expect(body.output_format).toBe(echoed)
      expect((await lookAt(fromBase64(body.data[0].b64_json))).format).toBe(echoed)
    }
    expect((await generate(server, { prompt: 'x', output_format: 'bmp' })).status).toBe(422)
  })

  it('case 8: stores pictures for url answers, and refuses them without a store', async () => {
    const server = await startTestServer()
    const inline = await readJson(await generate(server, { prompt: 'x', seed: 3 }))
    const { data } = await readJson(await generate(server, { prompt: 'x', seed: 3, response_format: 'url' }))
    expect(data[0].b64_json).toBeNull()
    expect(data[0].url.startsWith(`${server.url}/`)).toBe(true)
    const picture = await fetch(data[0].url)
    expect(picture.status).toBe(200)
    expect(picture.headers.get('content-type')).toBe('image/png')
    expect(Buffer.from(await picture.arrayBuffer())).toEqual(fromBase64(inline.data[0].b64_json))
    const bare = await startTestServer({ settings: { imageStore: false } })
    const refused = await generate(bare, { prompt: 'x', response_format: 'url' })
    expect(refused.status).toBe(400)
    expect((await readJson(refused)).detail).toBe('response_format=url is not supported')
  })

  it('puts the configured address into url answers, or none at all', async () => {
    const proxied = await startTestServer({ settings: { publicBaseUrl: 'https://pictures.example/base/' } })
    const first = await readJson(await generate(proxied, { prompt: 'x', n: 2, response_format: 'url' }))
    expect(first.data[1].url).toMatch(/^https:\/\/pictures\.example\/base\/v1\/images\/[\w-]+\/content\?variant=1$/)
    const relative = await startTestServer({ settings: { relativeUrls: true } })
    const second = await readJson(await generate(relative, { prompt: 'x', response_format: 'url' }))
    expect(second.data[0].url).toMatch(/^\/v1\/images\/[\w-]+\/content$/)
    expect((await fetch(`${relative.url}${second.data[0].url}?variant=1`)).status).toBe(404)
  })

  it('case 9: answers files as they are, several as an archive', async () => {
    const server = await startTestServer()
    const one = await generate(server, { prompt: 'x', response_format: 'file' })
    expect(one.headers.get('content-type')).toBe('image/png')
    expect(one.headers.get('content-disposition')).toMatch(/^attachment/)
    expect((await lookAt(new Uint8Array(await one.arrayBuffer()))).format).toBe('png')
    const two = await generate(server, { prompt: 'x', n: 2, response_format: 'file' })
    expect(two.headers.get('content-type')).toBe('application/zip')
    const archive = Buffer.from(await two.arrayBuffer()).toString('latin1')
    expect(archive.split('PK\x01\x02')).toHaveLength(3)
    expect(archive).toContain('image_1.png')
  })

  it('case 10: answers for its model under every name, unless names are strict', async () => {
    const server = await startTestServer()
    for (const model of ['fake-1', 'acme/fake-1', 'gpt-image-1']) {
      expect((await generate(server, { prompt: 'x', model })).status).toBe(200)
    }
    const warnings = server.logLines.filter((line) => line.level === 40)
    expect(warnings.map((line) => line.model)).toEqual(['gpt-image-1'])
    const strict = await startTestServer({ settings: { strictModel: true } })
    const refused = await generate(strict, { prompt: 'x', model: 'nope' })
    expect(refused.status).toBe(404)
    expect((await readJson(refused)).error.code).toBe('model_not_found')
    expect((await generate(strict, { prompt: 'x', model: 'fake-1' })).status).toBe(200)
  })

  it('case 11: draws the same bytes for the same seed, and tells the seed that it chose', async () => {
    const server = await startTestServer()
    const draw = async (fields: object) => {
      const response = await generate(server, { prompt: 'x', ...fields })
      return { seed: response.headers.get('x-seed'), bytes: (await readJson(response)).data[0].b64_json }
    }
    expect(await draw({ seed: 42 })).toEqual(await draw({ seed: 42 }))
    const [first, second] = [await draw({}), await draw({})]
    expect(first.bytes).not.toBe(second.bytes)
    expect(await draw({ seed: Number(first.seed) })).toEqual(first)
    const several = await generate(server, { prompt: 'x', n: 3, seed: 2 ** 32 - 1 })
    expect(several.headers.get('x-seed')).toBe('4294967295,0,1')
  })

  it('case 12: ignores what it does not know, and takes null for absent', async () => {
    const server = await startTestServer()
    const fields = { prompt: 'x', style: null, user: null, n: null, frequency: 3, extra: { a: [1] } }
    expect((await generate(server, fields)).status).toBe(200)
  })

  it('case 15: tells what a backend says when it fails, and not to try again', async () => {
    const server = await startTestServer()
    const response = await generate(server, { prompt: '[fail:internal]' })
    expect(response.status).toBe(500)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect((await readJson(response)).detail).toContain('asked the fake backend to fail')
    expect((await generate(server, { prompt: 'x' })).status).toBe(200)
  })

  it('reads JSON under any content type, and chunked bodies', async () => {
    const server = await startTestServer()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await generate(server, { prompt: 'x' }, headers)).status).toBe(200)
    const body = new Blob(['{"prompt":', '"x"}']).stream()
    const chunked = await fetch(`${server.url}/v1/images/generations`, { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect(chunked.status).toBe(200)
  })

  it('takes extensions from the top level and from extra_body, which wins', async () => {
    const server = await startTestServer()
    const nested = { seed: 7, num_inference_steps: '9' }
    await generate(server, { prompt: 'x', seed: 1, negative_prompt: 'y', scheduler: 'ddim', extra_body: nested })
    expect(server.backend.requests[0]).toMatchObject({
      seeds: [7],
      numInferenceSteps: 9,
      negativePrompt: 'y',
      diffusion: { scheduler: 'ddim' },
    })
  })

  it('hands on every wish of a local model that names no file', async () => {
    const server = await startTestServer()
    const prompts = { prompt_2: 'b', prompt_3: 'c', negative_prompt_2: 'd', negative_prompt_3: 'e', prompt_instruction: '' }
    const sizes = { original_size: '512x256', target_size: '64x32', crop_top_left: '4,8', max_sequence_length: 77 }
    const guidance = { cfg_normalization: 1.5, cfg_truncation: 0.9, denoising_start: 0.1, denoising_end: 0.8, data_type: 0 }
    const others = { noise_source: 'philox', noise_dtype: 'float16', resolution_binning: false, resize_references: 'false' }
    const response = await generate(server, { prompt: 'x', clip_skip: 1, ...prompts, ...sizes, ...guidance, ...others })
    expect(response.status).toBe(200)
    expect(server.backend.requests[0]?.diffusion).toMatchObject({
      clipSkip: 1,
      prompt2: 'b',
      prompt3: 'c',
      negativePrompt2: 'd',
      negativePrompt3: 'e',
      promptInstruction: '',
      originalSize: { width: 512, height: 256 },
      targetSize: { width: 64, height: 32 },
      cropTopLeft: { top: 4, left: 8 },
      maxSequenceLength: 77,
      cfgNormalization: 1.5,
      cfgTruncation: 0.9,
      denoisingStart: 0.1,
      denoisingEnd: 0.8,
      dataType: 0,
      noiseSource: 'philox',
      noiseDtype: 'float16',
      resolutionBinning: false,
      resizeReferences: false,
    })
    for (const [field, text] of Object.entries({ crop_top_left: 'here', original_size: 'wide', target_size: '5' })) {
      const refused = await generate(server, { prompt: 'x', [field]: text })
      expect([refused.status, (await readJson(refused)).error.param]).toEqual([400, field])
    }
  })

  it('puts the operator’s steps and guidance over those of every request', async () => {
    const server = await startTestServer({ settings: { numInferenceSteps: 3, guidanceScale: 2.5 } })
    expect((await generate(server, { prompt: 'x', num_inference_steps: 100, guidance_scale: 9 })).status).toBe(200)
    expect(server.backend.requests[0]).toMatchObject({ numInferenceSteps: 3, guidanceScale: 2.5 })
  })

  it('refuses sizes off the model’s grid and names the nearest', async () => {
    const sizes = { multiple: 64, min: 64, max: 512, default: { width: 64, height: 64 } }
    const server = await startTestServer({ abilities: { sizes } })
    const response = await generate(server, { prompt: 'x', size: '100x200' })
    expect(response.status).toBe(400)
    expect((await readJson(response)).detail).toContain('nearest: 64x192 or 128x256')
    expect((await generate(server, { prompt: 'x', size: '1024x64' })).status).toBe(400)
  })

  it('answers 400 to invalid fields where clients want that', async () => {
    const server = await startTestServer({ settings: { validationStatus: '400' } })
    expect((await generate(server, {})).status).toBe(400)
  })

  it('says what could not be honored, in the answer and in a header', async () => {
    const server = await startTestServer({ abilities: { negativePrompt: false } })
    const response = await generate(server, { prompt: 'x', negative_prompt: 'y' })
    expect(response.headers.get('x-diffgentor-warnings')).toContain('negative_prompt')
    expect((await readJson(response)).warnings).toHaveLength(1)
  })
})
