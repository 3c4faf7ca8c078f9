import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runRequest } from '../../../src/backends/run-request.ts'
import type { ImageRequest } from '../../../src/contract/index.ts'
import { decodePicture } from '../../../src/images/decode-picture.ts'
import { encodePicture } from '../../../src/images/encode-picture.ts'
import { type FakeUpstream, type Reply, startUpstream } from '../support/fake-upstream.ts'
import { errorReply, openAgainst, picturesReply, SECRET } from '../support/openai-upstream.ts'
import { drawPicture, toBase64 } from '../support/pictures.ts'

const context = { signal: new AbortController().signal }
const prompt = 'a fox in the snow'
let upstream: FakeUpstream
let replies: Reply[]
let picture: Uint8Array

beforeEach(async () => {
  picture = await drawPicture()
  replies = []
  upstream = await startUpstream((_, place) => replies[place] ?? picturesReply(toBase64(picture)))
})

afterEach(() => upstream[Symbol.asyncDispose]())

async function draw(request: Partial<ImageRequest> = {}, settings = {}) {
  await using backend = await openAgainst(upstream.url, settings)
  return await runRequest(backend, { prompt, numImages: 1, ...request }, context)
}

describe('drawing from text', () => {
  it('sends only what was asked for, with the key in its header', async () => {
    const { images } = await draw()
    expect(upstream.requests).toHaveLength(1)
    const [request] = upstream.requests
    expect(request).toMatchObject({ method: 'POST', path: '/v1/images/generations' })
    expect(request?.headers).toMatchObject({ authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' })
    expect(request?.json()).toEqual({ prompt, model: 'gpt-image-1' })
    expect(images).toEqual([{ picture: { kind: 'encoded', bytes: Buffer.from(picture) } }])
  })

  it('never sends response_format to GPT image models, and asks other models for base64', async () => {
    await draw({}, { modelName: 'gpt-image-1.5' })
    await draw({}, { modelName: 'chatgpt-image-latest' })
    await draw({}, { modelName: 'dall-e-3' })
    await draw({}, { modelName: 'bagel' })
    expect(upstream.requests.map((request) => request.json()['response_format'])).toEqual([
      undefined,
      undefined,
      'b64_json',
      'b64_json',
    ])
  })

  it('asks once more without response_format when the server refuses it, and never sends it again', async () => {
    replies = [errorReply(400, { message: "Unknown parameter: 'response_format'.", code: 'unknown_parameter' })]
    await using backend = await openAgainst(upstream.url, { modelName: 'bagel' })
    await backend.run({ prompt, numImages: 1 }, context)
    await backend.run({ prompt, numImages: 1 }, context)
    expect(upstream.requests.map((request) => 'response_format' in request.json())).toEqual([true, false, false])
  })

  it('passes every extra field on untouched', async () => {
    const extra = { quality: 'high', background: 'transparent', output_compression: 80, moderation: 'low', user: 'me' }
    await draw({ extra, size: { width: 1536, height: 1024 } })
    expect(upstream.requests[0]?.json()).toEqual({ prompt, model: 'gpt-image-1', size: '1536x1024', ...extra })
  })

  it.each(['stream', 'n', 'image', 'model'])('refuses the extra field %s before anything is sent', async (field) => {
    await expect(draw({ extra: { [field]: true } })).rejects.toMatchObject({ code: 'invalid_request', field: 'extra' })
    expect(upstream.requests).toHaveLength(0)
  })

  it('refuses a size that the model does not draw, naming those that it does', async () => {
    const size = { width: 500, height: 1000 }
    await expect(draw({ size })).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'The model gpt-image-1 draws 1024x1024, 1536x1024, 1024x1536; got 500x1000.',
    })
    await expect(draw({ size }, { modelName: 'gpt-image-2' })).rejects.toThrow('the nearest is 496x1008')
    expect(upstream.requests).toHaveLength(0)
  })

  it('asks for up to ten pictures in one call', async () => {
    replies = [picturesReply(toBase64(picture), 10), picturesReply(toBase64(picture), 2)]
    const { images } = await draw({ numImages: 12 })
    expect(images).toHaveLength(12)
    expect(upstream.requests.map((request) => request.json()['n'])).toEqual([10, 2])
  })

  it('keeps the pictures that came when fewer came than were asked for, and says so', async () => {
    replies = [picturesReply(toBase64(picture), 2)]
    const { images, warnings } = await draw({ numImages: 3 })
    expect(images).toHaveLength(2)
    expect(warnings).toMatchObject([{ kind: 'adjusted', field: 'num_images_per_prompt' }])
  })

  it('says what OpenAI’s own models do not honor', async () => {
    const { warnings } = await draw({ seeds: [7], guidanceScale: 3, numInferenceSteps: 9, negativePrompt: 'x', trueCfgScale: 2 })
    expect(warnings.map(({ field }) => field).sort()).toEqual([
      'guidance_scale',
      'negative_prompt',
      'num_inference_steps',
      'seed',
      'true_cfg_scale',
    ])
    expect(upstream.requests[0]?.json()).toEqual({ prompt, model: 'gpt-image-1' })
  })

  it('gives other models seed, steps and guidance, one picture a call', async () => {
    const request = { seeds: [7, 8], numImages: 2, guidanceScale: 0, numInferenceSteps: 9, negativePrompt: 'x', trueCfgScale: 2 }
    const { images } = await draw(request, { modelName: 'hunyuan-image-3' })
    expect(images.map(({ seed }) => seed)).toEqual([7, 8])
    expect(upstream.requests[1]?.json()).toEqual({
      prompt,
      model: 'hunyuan-image-3',
      response_format: 'b64_json',
      negative_prompt: 'x',
      seed: 8,
      num_inference_steps: 9,
      guidance_scale: 0,
      true_cfg_scale: 2,
    })
  })

  it('sends no key where there is none', async () => {
    await draw({}, { openaiApiKey: undefined, modelName: 'bagel' })
    expect(upstream.requests[0]?.headers.authorization).toBeUndefined()
  })
})

describe('editing', () => {
  const edit = async (request: Partial<ImageRequest['edit'] & object>, settings = {}) => {
    await draw({ edit: { images: [picture], ...request } }, settings)
    return { wire: upstream.requests[0]!, form: await upstream.requests[0]!.form() }
  }

  it('sends one picture as image, with its true type and a name', async () => {
    const jpeg = await drawPicture('jpeg')
    const { wire, form } = await edit({ images: [jpeg] })
    expect(wire.path).toBe('/v1/images/edits')
    expect(form.get('prompt')).toBe(prompt)
    const file = form.get('image') as File
    expect([file.name, file.type]).toEqual(['image-1.jpg', 'image/jpeg'])
    expect(Buffer.from(await file.arrayBuffer())).toEqual(Buffer.from(jpeg))
  })

  it('sends several pictures as image[], in order', async () => {
    const images = [await drawPicture('png'), await drawPicture('webp')]
    const { form } = await edit({ images })
    const files = form.getAll('image[]') as File[]
    expect(files.map(({ name, type }) => [name, type])).toEqual([
      ['image-1.png', 'image/png'],
      ['image-2.webp', 'image/webp'],
    ])
  })

  it('makes a PNG of a format that the provider does not take', async () => {
    const { form } = await edit({ images: [await drawPicture('avif', { width: 20, height: 10 })] })
    const file = form.get('image') as File
    expect([file.name, file.type]).toEqual(['image-1.png', 'image/png'])
    const { picture: sent } = await decodePicture(new Uint8Array(await file.arrayBuffer()))
    expect([sent.width, sent.height]).toEqual([20, 10])
  })

  it('turns a mask whose white is edited into one whose transparency is', async () => {
    const pixels = Uint8Array.from({ length: 64 }, (_, at) => (at < 32 ? 255 : 0))
    const mask = await encodePicture({ kind: 'raw', pixels, width: 8, height: 8, channels: 1 }, { format: 'png' })
    const { form } = await edit({ mask })
    const file = form.get('mask') as File
    expect([file.name, file.type]).toEqual(['mask.png', 'image/png'])
    const { picture: sent } = await decodePicture(new Uint8Array(await file.arrayBuffer()))
    expect(sent.channels).toBe(4)
    const alpha = [...sent.pixels].filter((_, at) => at % 4 === 3)
    expect(alpha).toEqual(Array.from({ length: 64 }, (_, at) => (at < 32 ? 0 : 255)))
  })

  it('refuses a mask of another size before anything is sent', async () => {
    const mask = await drawPicture('png', { width: 9, height: 8 })
    await expect(draw({ edit: { images: [picture], mask } })).rejects.toMatchObject({ code: 'invalid_request', field: 'mask' })
    expect(upstream.requests).toHaveLength(0)
  })

  it('is refused for a model that only draws', async () => {
    await expect(draw({ edit: { images: [picture] } }, { modelName: 'dall-e-3' })).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('gives other models the strength', async () => {
    const { form } = await edit({ strength: 0.4 }, { modelName: 'step1x-edit' })
    expect(form.get('strength')).toBe('0.4')
  })
})

describe('answers', () => {
  it('are read from an address on the API’s own host, without the key', async () => {
    const path = '/files/picture.png'
    replies = [{ json: { data: [{ url: `${upstream.url}${path}` }] } }, { text: 'not the bytes of a picture' }]
    const { images } = await draw({}, { modelName: 'dall-e-3' })
    expect(images[0]?.picture).toEqual({ kind: 'encoded', bytes: Buffer.from('not the bytes of a picture') })
    expect(upstream.requests[1]).toMatchObject({ method: 'GET', path })
    expect(upstream.requests[1]?.headers.authorization).toBeUndefined()
  })

  it('are not read from a private address elsewhere, which the provider may not choose', async () => {
    await using elsewhere = await startUpstream(() => ({ text: 'inside' }))
    replies = [{ json: { data: [{ url: `${elsewhere.url}/picture.png` }] } }]
    await expect(draw({}, { modelName: 'dall-e-3' })).rejects.toMatchObject({ code: 'upstream_ambiguous' })
    expect(elsewhere.requests).toHaveLength(0)
  })

  it('may have been billed when their address cannot be fetched', async () => {
    const broken: Reply = { status: 500, text: 'no' }
    replies = [{ json: { data: [{ url: '/files/picture.png' }] } }, broken, broken, broken]
    await expect(draw({}, { modelName: 'dall-e-3' })).rejects.toMatchObject({ code: 'upstream_ambiguous' })
    expect(upstream.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET', 'GET'])
  })

  it('tell usage, what it costs and the revised prompt', async () => {
    const usage = {
      input_tokens: 1050,
      input_tokens_details: { image_tokens: 1000, text_tokens: 50 },
      output_tokens: 1056,
      total_tokens: 2106,
    }
    const data = [{ b64_json: toBase64(picture), revised_prompt: 'A red fox.' }]
    replies = [{ json: { created: 1, data, usage } }]
    const result = await draw()
    expect(result.images[0]?.revisedPrompt).toBe('A red fox.')
    // 50 × $5 + 1000 × $10 + 1056 × $40, for a million each.
    expect(result.usage).toEqual({
      inputTokens: 1050,
      inputImageTokens: 1000,
      outputTokens: 1056,
      costUsd: expect.closeTo(0.05249, 10),
    })
  })

  it('cost the list price where no tokens are counted', async () => {
    const { usage } = await draw({ size: { width: 1024, height: 1024 }, extra: { quality: 'hd' } }, { modelName: 'dall-e-3' })
    expect(usage).toEqual({ costUsd: 0.08 })
  })

  it('cost nothing that is known for a model without a listed price', async () => {
    expect((await draw({}, { modelName: 'bagel' })).usage).toBeUndefined()
  })

  it('bring large pictures, in either field and whatever the content type', async () => {
    const large = Buffer.alloc(1_000_000, 'large picture')
    const data = [{ b64_json: toBase64(large) }, { url: `data:image/png;base64,${toBase64(large)}` }]
    replies = [{ text: JSON.stringify({ data }), headers: { 'content-type': 'text/plain' } }]
    const { images } = await draw({ numImages: 2 })
    const bytes = images.map(({ picture }) => (picture.kind === 'encoded' ? picture.bytes : new Uint8Array()))
    expect(bytes.map((one) => Buffer.compare(one, large))).toEqual([0, 0])
  })

  it('are unreadable when they are large and torn', async () => {
    replies = [{ text: `{"data":[{"b64_json":"${'A'.repeat(1_200_000)}`, headers: { 'content-type': 'application/json' } }]
    await expect(draw()).rejects.toMatchObject({ code: 'upstream_failed' })
  })

  it('are understood without a JSON content type', async () => {
    const json = JSON.stringify({ data: [{ b64_json: toBase64(picture) }] })
    replies = [{ text: json, headers: { 'content-type': 'text/plain' } }]
    expect((await draw()).images).toHaveLength(1)
  })
})
