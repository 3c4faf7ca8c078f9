import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openGoogleBackend } from '../../../src/backends/google/google-backend.ts'
import { runRequest } from '../../../src/backends/run-request.ts'
import { type BackendSettings, SHARED_SETTINGS, withDefaults } from '../../../src/config/settings.ts'
import type { ImageRequest } from '../../../src/contract/index.ts'
import { type FakeUpstream, type Reply, startUpstream } from '../support/fake-upstream.ts'
import { drawPicture, toBase64 } from '../support/pictures.ts'

const KEY = 'AIzaSyTestKey-0123456789'
const context = { signal: new AbortController().signal }
const prompt = 'a fox in the snow'
let upstream: FakeUpstream
let replies: Reply[]
let picture: Uint8Array

beforeEach(async () => {
  picture = await drawPicture()
  replies = []
  upstream = await startUpstream((_, place) => replies[place] ?? generated([inline(picture)]))
})

afterEach(() => upstream[Symbol.asyncDispose]())

function inline(bytes: Uint8Array) {
  return { inlineData: { mimeType: 'image/png', data: toBase64(bytes) } }
}

function generated(parts: unknown[], more: Record<string, unknown> = {}): Reply {
  const candidates = [{ index: 0, content: { role: 'model', parts }, finishReason: 'STOP' }]
  return { json: { candidates, modelVersion: 'gemini-2.5-flash-image', responseId: 'r', ...more } }
}

function failed(code: number, status: string, details: unknown[] = [], headers: Record<string, string> = {}): Reply {
  return { status: code, headers, json: { error: { code, message: `It is ${status}.`, status, details } } }
}

async function draw(request: Partial<ImageRequest> = {}, settings: Partial<BackendSettings> = {}) {
  const values = { backend: 'google_genai', geminiBaseUrl: upstream.url, geminiApiKey: KEY, ...settings }
  await using backend = await openGoogleBackend(withDefaults(SHARED_SETTINGS, values))
  return await runRequest(backend, { prompt, numImages: 1, ...request }, context)
}

describe('generateContent', () => {
  it('is asked for a picture, with the key in its header and nowhere else', async () => {
    const { images } = await draw()
    expect(upstream.requests).toHaveLength(1)
    const [wire] = upstream.requests
    expect(wire).toMatchObject({ method: 'POST', path: '/v1beta/models/gemini-2.5-flash-image:generateContent' })
    expect(wire?.headers['x-goog-api-key']).toBe(KEY)
    expect(wire?.json()).toEqual({
      contents: [{ role: 'user', parts: [{ text: prompt }] }],
      generationConfig: { responseModalities: ['IMAGE'] },
    })
    expect(images).toEqual([{ picture: { kind: 'encoded', bytes: Buffer.from(picture) } }])
  })

  it.each([
    ['/v1beta', undefined, '/v1beta/models/'],
    ['/v1beta/', undefined, '/v1beta/models/'],
    ['/proxy/v1alpha', undefined, '/proxy/v1alpha/models/'],
    ['/v1', undefined, '/v1/models/'],
    ['', 'v1alpha', '/v1alpha/models/'],
    ['/v1beta', 'v1', '/v1/models/'],
  ])('has one version in its address: base %s, version %s', async (ending, geminiApiVersion, path) => {
    await draw({}, { geminiBaseUrl: upstream.url + ending, geminiApiVersion })
    expect(upstream.requests[0]?.path).toBe(`${path}gemini-2.5-flash-image:generateContent`)
  })

  it('gets the instruction and then the pictures, with their true types, converted where Google does not take them', async () => {
    const images = [await drawPicture('jpeg'), await drawPicture('avif')]
    await draw({ edit: { images } })
    const contents = upstream.requests[0]?.json()['contents'] as {
      parts: { text?: string; inlineData?: { mimeType: string } }[]
    }[]
    expect(contents[0]?.parts.map((part) => part.text ?? part.inlineData?.mimeType)).toEqual([prompt, 'image/jpeg', 'image/png'])
    const sent = contents[0]?.parts[1]?.inlineData as { data: string } | undefined
    expect(sent?.data).toBe(toBase64(images[0]!))
  })

  it.each([
    ['gemini-2.5-flash-image', { width: 1024, height: 1024 }, { aspectRatio: '1:1' }],
    ['gemini-2.5-flash-image', { width: 1920, height: 1080 }, { aspectRatio: '16:9' }],
    ['gemini-2.5-flash-image', { width: 832, height: 1248 }, { aspectRatio: '2:3' }],
    ['gemini-3-pro-image', { width: 4096, height: 2304 }, { aspectRatio: '16:9', imageSize: '4K' }],
    ['gemini-3-pro-image', { width: 2048, height: 2048 }, { aspectRatio: '1:1', imageSize: '2K' }],
    ['gemini-3-pro-image', { width: 1000, height: 250 }, { aspectRatio: '21:9', imageSize: '1K' }],
    ['gemini-3.1-flash-image', { width: 1000, height: 250 }, { aspectRatio: '4:1', imageSize: '1K' }],
    ['gemini-3.1-flash-lite-image', { width: 2000, height: 500 }, { aspectRatio: '4:1' }],
  ])('is asked by %s for %o as %o, and says that pixels are not promised', async (modelName, size, imageConfig) => {
    const { warnings } = await draw({ size }, { modelName })
    expect(upstream.requests[0]?.json()['generationConfig']).toMatchObject({ imageConfig })
    expect(warnings).toMatchObject([{ kind: 'adjusted', field: 'size' }])
  })

  it('has the ratio of the settings when no size is asked for', async () => {
    await draw({}, { geminiAspectRatio: '3:4' })
    expect(upstream.requests[0]?.json()['generationConfig']).toMatchObject({ imageConfig: { aspectRatio: '3:4' } })
  })

  it('refuses a ratio that the model does not draw', async () => {
    await expect(draw({ extra: { aspect_ratio: '7:5' } })).rejects.toMatchObject({ code: 'invalid_request' })
    expect(upstream.requests).toHaveLength(0)
  })

  it('passes extra fields on to where they belong', async () => {
    const extra = {
      safety_settings: 'BLOCK_NONE',
      temperature: 0.4,
      system_instruction: 'Draw in ink.',
      image_size: '2K',
      somethingNew: { deep: true },
    }
    await draw({ extra }, { modelName: 'gemini-3-pro-image' })
    const thresholds = ['HARASSMENT', 'HATE_SPEECH', 'SEXUALLY_EXPLICIT', 'DANGEROUS_CONTENT'].map((category) => ({
      category: `HARM_CATEGORY_${category}`,
      threshold: 'BLOCK_NONE',
    }))
    expect(upstream.requests[0]?.json()).toMatchObject({
      generationConfig: { temperature: 0.4, imageConfig: { imageSize: '2K' } },
      systemInstruction: { parts: [{ text: 'Draw in ink.' }] },
      safetySettings: thresholds,
      somethingNew: { deep: true },
    })
  })

  it('is asked once for each picture', async () => {
    const { images } = await draw({ numImages: 3 })
    expect(images).toHaveLength(3)
    expect(upstream.requests).toHaveLength(3)
  })

  it('answers with the finished picture, not with drafts', async () => {
    replies = [generated([{ ...inline(new Uint8Array([1])), thought: true }, { text: 'Here it is.' }, inline(picture)])]
    const { images } = await draw()
    expect(images).toEqual([{ picture: { kind: 'encoded', bytes: Buffer.from(picture) } }])
  })

  it('answers with a picture inside of the text, as some proxies do', async () => {
    replies = [generated([{ text: `![picture](data:image/png;base64,${toBase64(picture)})` }])]
    expect((await draw()).images).toEqual([{ picture: { kind: 'encoded', bytes: Buffer.from(picture) } }])
  })

  it.each([
    ['in its field', (data: string) => ({ inlineData: { mimeType: 'image/png', data } })],
    ['in the text', (data: string) => ({ text: `data:image/png;base64,${data}` })],
  ])('answers with a large picture %s', async (_, toPart) => {
    const large = Buffer.concat([picture, Buffer.alloc(1_000_000, 'large picture')])
    replies = [generated([toPart(toBase64(large))])]
    const [image] = (await draw()).images
    expect(image?.picture.kind === 'encoded' && Buffer.compare(image.picture.bytes, large)).toBe(0)
  })

  it('tells tokens and what they cost', async () => {
    const usageMetadata = {
      promptTokenCount: 270,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 12 },
        { modality: 'IMAGE', tokenCount: 258 },
      ],
      candidatesTokenCount: 1290,
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1290 }],
      totalTokenCount: 1560,
    }
    replies = [generated([inline(picture)], { usageMetadata })]
    // 270 × $0.30 + 1290 × $30, for a million each.
    expect((await draw()).usage).toEqual({
      inputTokens: 270,
      inputImageTokens: 258,
      outputTokens: 1290,
      costUsd: expect.closeTo(0.038781, 10),
    })
  })
})

const finished = (finishReason: string, more = {}) => ({ json: { candidates: [{ index: 0, finishReason, ...more }] } })
const quota = (quotaId: string) => ({ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId }] })
const retryIn = (retryDelay: string) => ({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay })
const reason = (word: string) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: word })

const ABSENCES: [what: string, reply: Reply, code: string][] = [
  ...['SAFETY', 'PROHIBITED_CONTENT', 'BLOCKLIST', 'IMAGE_SAFETY', 'OTHER'].map((blockReason): [string, Reply, string] => [
    `a blocked prompt (${blockReason})`,
    { json: { promptFeedback: { blockReason } } },
    'content_policy',
  ]),
  ...[
    'IMAGE_SAFETY',
    'IMAGE_PROHIBITED_CONTENT',
    'IMAGE_RECITATION',
    'SAFETY',
    'PROHIBITED_CONTENT',
    'BLOCKLIST',
    'SPII',
    'RECITATION',
  ].map((word): [string, Reply, string] => [`a blocked picture (${word})`, finished(word), 'content_policy']),
  ...['NO_IMAGE', 'IMAGE_OTHER', 'OTHER', 'MAX_TOKENS'].map((word): [string, Reply, string] => [
    `a picture that was not made (${word})`,
    finished(word, { content: { role: 'model' } }),
    'empty_answer',
  ]),
  ['words in place of a picture', generated([{ text: 'I would rather not.' }]), 'empty_answer'],
  ['an empty answer', { json: {} }, 'empty_answer'],
]

const FAULTS: [what: string, reply: Reply, code: string, retryAfterMs?: number][] = [
  ['a bad field', failed(400, 'INVALID_ARGUMENT'), 'upstream_rejected'],
  ['an invalid key', failed(400, 'INVALID_ARGUMENT', [reason('API_KEY_INVALID')]), 'upstream_authentication'],
  ['a missing key', failed(401, 'UNAUTHENTICATED'), 'upstream_authentication'],
  ['a forbidden key', failed(403, 'PERMISSION_DENIED', [reason('SERVICE_DISABLED')]), 'upstream_authentication'],
  ['an unknown model', failed(404, 'NOT_FOUND'), 'upstream_model_not_found'],
  [
    'a rate limit',
    failed(429, 'RESOURCE_EXHAUSTED', [quota('GenerateRequestsPerMinute'), retryIn('3.5s')]),
    'upstream_rate_limit',
    3500,
  ],
  ['a rate limit in a header', failed(429, 'RESOURCE_EXHAUSTED', [], { 'retry-after': '4' }), 'upstream_rate_limit', 4000],
  [
    'a spent day',
    failed(429, 'RESOURCE_EXHAUSTED', [quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier'), retryIn('30s')]),
    'upstream_quota',
    30_000,
  ],
  ['a server fault', failed(500, 'INTERNAL'), 'upstream_unavailable'],
  ['an overload', failed(503, 'UNAVAILABLE'), 'upstream_unavailable'],
  ['a deadline', failed(504, 'DEADLINE_EXCEEDED'), 'upstream_unavailable'],
  ['a gateway’s page', { status: 502, text: '<html>Bad Gateway</html>' }, 'upstream_unavailable'],
  ['a page in place of an answer', { text: '<html>Welcome</html>' }, 'upstream_failed'],
  ['a broken connection', 'reset', 'upstream_ambiguous'],
  ['a torn answer', 'tear', 'upstream_ambiguous'],
]

describe.each(['gemini-2.5-flash-image', 'imagen-4.0-generate-001'])('%s', (modelName) => {
  it.each(FAULTS)('asks once and tells %s for what it is', async (_, faulty, code, retryAfterMs) => {
    replies = [faulty]
    const error = await draw({}, { modelName }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'DiffgentorError', code })
    expect((error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs)
    expect(upstream.requests).toHaveLength(1)
  })
})

describe('an answer of generateContent without a picture', () => {
  it.each(ABSENCES)('is asked for once and told for what it is: %s', async (_, absent, code) => {
    replies = [absent]
    await expect(draw()).rejects.toMatchObject({ code })
    expect(upstream.requests).toHaveLength(1)
  })

  it('quotes what the model said instead', async () => {
    replies = [generated([{ text: 'I would rather not.' }])]
    await expect(draw()).rejects.toThrow(/answered without a picture \(STOP\): I would rather not\.$/)
  })
})

describe('Imagen', () => {
  const modelName = 'imagen-4.0-generate-001'
  const predicted = (...predictions: unknown[]): Reply => ({ json: { predictions } })
  const entry = () => ({ bytesBase64Encoded: toBase64(picture), mimeType: 'image/png' })

  it('is asked through predict, up to four pictures a call', async () => {
    replies = [predicted(entry(), entry(), entry(), entry()), predicted(entry())]
    const extra = { person_generation: 'dont_allow' }
    const { images, usage } = await draw({ numImages: 5, size: { width: 1024, height: 1408 }, extra }, { modelName })
    expect(images).toHaveLength(5)
    expect(usage).toEqual({ costUsd: expect.closeTo(0.2, 10) })
    const [wire] = upstream.requests
    expect(wire?.path).toBe('/v1beta/models/imagen-4.0-generate-001:predict')
    expect(wire?.headers['x-goog-api-key']).toBe(KEY)
    expect(wire?.json()).toEqual({
      instances: [{ prompt }],
      parameters: { sampleCount: 4, aspectRatio: '3:4', sampleImageSize: '1K', personGeneration: 'dont_allow' },
    })
  })

  it('keeps the pictures that were not filtered, and says that some were', async () => {
    replies = [predicted(entry(), { raiFilteredReason: 'It shows too much.' })]
    const { images, warnings } = await draw({ numImages: 2 }, { modelName })
    expect(images).toHaveLength(1)
    expect(warnings).toMatchObject([{ field: 'num_images_per_prompt' }])
  })

  it.each([
    ['all are filtered', predicted({ raiFilteredReason: 'It shows too much.' })],
    ['there is no list of them', { json: {} }],
  ])('refuses the content when %s', async (_, refusal) => {
    replies = [refusal]
    await expect(draw({}, { modelName })).rejects.toMatchObject({ code: 'content_policy' })
  })

  it('does not edit', async () => {
    await expect(draw({ edit: { images: [picture] } }, { modelName })).rejects.toMatchObject({ code: 'unsupported' })
  })
})
