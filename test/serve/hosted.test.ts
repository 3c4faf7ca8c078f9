import { describe, expect, it, onTestFinished } from 'vitest'
import type { ServeSettings } from '../../src/config/settings.ts'
import { type FakeUpstream, type Reply, startUpstream } from '../backends/support/fake-upstream.ts'
import { errorReply, picturesReply } from '../backends/support/openai-upstream.ts'
import { makePng } from './pictures.ts'
import { generate, post, readJson, startTestServer, type TestServer } from './test-server.ts'

const KEY = 'test-key-0123456789'

async function startOver(
  backend: 'openai' | 'google_genai',
  replies: Reply[],
  more: Partial<ServeSettings> = {},
): Promise<{ server: TestServer; upstream: FakeUpstream }> {
  const upstream = await startUpstream((_, place) => replies[Math.min(place, replies.length - 1)]!)
  onTestFinished(() => upstream[Symbol.asyncDispose]())
  const shared = { backend, apiMaxRetries: 0, ...more }
  const settings =
    backend === 'openai'
      ? { ...shared, modelName: ['gpt-image-1'], openaiBaseUrl: `${upstream.url}/v1`, openaiApiKey: KEY }
      : { ...shared, geminiBaseUrl: `${upstream.url}/v1beta`, geminiApiKey: KEY }
  return { server: await startTestServer({ settings }), upstream }
}

const inline = (bytes: Buffer) => ({ inlineData: { mimeType: 'image/png', data: bytes.toString('base64') } })
const answered = (parts: unknown[], more: object = {}): Reply => ({
  json: { candidates: [{ index: 0, content: { role: 'model', parts }, finishReason: 'STOP', ...more }] },
})
const refused = (code: number, status: string, details: unknown[] = []): Reply => ({
  status: code,
  json: { error: { code, message: `It is ${status}.`, status, details } },
})
const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo'
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'

describe('hosted models behind the server', () => {
  it('case 62: answers what Gemini draws', async () => {
    const png = await makePng(8, 8)
    const { server } = await startOver('google_genai', [answered([inline(png)])])
    const response = await generate(server, { prompt: 'x' })
    expect(response.status).toBe(200)
    expect((await readJson(response)).size).toBe('8x8')
  })

  it.each<[string, Reply, number, string, string | null]>([
    ['only a text', answered([{ text: 'I would rather not.' }]), 502, 'no_image_returned', 'false'],
    ['a refused prompt', { json: { promptFeedback: { blockReason: 'SAFETY' } } }, 400, 'moderation_blocked', null],
    ['a refused picture', answered([], { finishReason: 'IMAGE_SAFETY' }), 400, 'moderation_blocked', null],
    [
      'a limit',
      refused(429, 'RESOURCE_EXHAUSTED', [{ '@type': RETRY_INFO, retryDelay: '3s' }]),
      429,
      'rate_limit_exceeded',
      null,
    ],
    [
      'a wrong key',
      refused(400, 'INVALID_ARGUMENT', [{ '@type': ERROR_INFO, reason: 'API_KEY_INVALID' }]),
      502,
      'upstream_auth_error',
      'false',
    ],
    ['a bad field', refused(400, 'INVALID_ARGUMENT'), 400, 'invalid_value', null],
    ['an unknown model', refused(404, 'NOT_FOUND'), 502, 'upstream_model_not_found', 'false'],
    ['an overload', refused(503, 'UNAVAILABLE'), 502, 'upstream_unavailable', null],
  ])('case 62: tells %s of Gemini in the words of the OpenAI API', async (_, reply, status, code, shouldRetry) => {
    const { server } = await startOver('google_genai', [reply])
    const response = await generate(server, { prompt: 'x' })
    const body = await readJson(response)
    expect([response.status, body.error.code]).toEqual([status, code])
    expect(response.headers.get('x-should-retry')).toBe(shouldRetry)
    if (status === 429) expect(response.headers.get('retry-after')).toBe('3')
    expect(JSON.stringify(body)).not.toContain(KEY)
  })

  it('case 63: puts one version into the address, and the key into its header', async () => {
    const { server, upstream } = await startOver('google_genai', [answered([inline(await makePng(8, 8))])])
    await generate(server, { prompt: 'x' })
    expect(upstream.requests[0]?.path.match(/v1beta/g)).toHaveLength(1)
    expect(upstream.requests[0]?.headers['x-goog-api-key']).toBe(KEY)
  })

  it('case 64: asks GPT image models without response_format, and passes their own fields on', async () => {
    const png = await makePng(8, 8)
    const { server, upstream } = await startOver('openai', [picturesReply(png.toString('base64'))])
    const fields = { prompt: 'x', quality: 'high', background: 'opaque', response_format: 'b64_json', user: 'u' }
    const response = await generate(server, fields)
    expect(response.status).toBe(200)
    const sent = upstream.requests[0]!.json()
    expect(sent).toMatchObject({ model: 'gpt-image-1', prompt: 'x', quality: 'high', background: 'opaque', user: 'u' })
    expect(sent).not.toHaveProperty('response_format')
  })

  it('edits through the OpenAI API, with the mask in its convention, and tells what that took', async () => {
    const png = await makePng(8, 8)
    const usage = { input_tokens: 300, input_tokens_details: { image_tokens: 280, text_tokens: 20 }, output_tokens: 100 }
    const answer = { created: 1, data: [{ b64_json: png.toString('base64') }], usage }
    const { server, upstream } = await startOver('openai', [{ json: answer }])
    const images = [png.toString('base64')]
    const response = await post(server, '/v1/images/edits', { prompt: 'x', images, mask: images[0] })
    expect(response.status).toBe(200)
    expect((await readJson(response)).usage).toMatchObject({ ...usage, total_tokens: 400 })
    const form = await upstream.requests[0]!.form()
    expect([...form.keys()]).toEqual(expect.arrayContaining(['prompt', 'mask']))
  })

  it('asks again after breakdowns, as often as it is told', async () => {
    const png = await makePng(8, 8)
    const overload = errorReply(503, {})
    const patient = { apiMaxRetries: 2, retryDelay: 0 }
    const recovered = await startOver('openai', [overload, overload, picturesReply(png.toString('base64'))], patient)
    expect((await generate(recovered.server, { prompt: 'x' })).status).toBe(200)
    const broken = await startOver('openai', [overload], patient)
    expect((await generate(broken.server, { prompt: 'x' })).status).toBe(502)
    expect([recovered.upstream.requests.length, broken.upstream.requests.length]).toEqual([3, 3])
  })

  it('blames the provider for what is no picture', async () => {
    const png = await makePng(64, 64)
    for (const bytes of [Buffer.from('no picture'), png.subarray(0, 60)]) {
      const { server } = await startOver('openai', [picturesReply(bytes.toString('base64'))])
      const response = await generate(server, { prompt: 'x', output_format: 'jpeg' })
      expect([response.status, (await readJson(response)).error.code]).toEqual([502, 'upstream_failed'])
    }
  })

  it('leaves limits to its callers', async () => {
    const { server, upstream } = await startOver('openai', [errorReply(429, {}, { 'retry-after': '3' })], { apiMaxRetries: 2 })
    const response = await generate(server, { prompt: 'x' })
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3'])
    expect(upstream.requests).toHaveLength(1)
  })

  it('tells a quota that is used up, and not to try again', async () => {
    const { server, upstream } = await startOver('openai', [
      errorReply(429, { code: 'insufficient_quota', type: 'insufficient_quota' }),
    ])
    const response = await generate(server, { prompt: 'x' })
    expect([response.status, (await readJson(response)).error.code]).toEqual([429, 'insufficient_quota'])
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(upstream.requests).toHaveLength(1)
  })

  it.each<[string, Reply, number, number | undefined]>([
    ['broke off', 'tear', 502, undefined],
    ['never came', 'hang', 504, 3],
  ])('tells an answer that %s, and asks once', async (_, reply, status, timeout) => {
    const { server, upstream } = await startOver('openai', [reply], { timeout })
    const response = await generate(server, { prompt: 'x' })
    expect(response.status).toBe(status)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(upstream.requests).toHaveLength(1)
  })
})
