import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FakeUpstream, type Reply, startUpstream } from '../support/fake-upstream.ts'
import { errorReply, openAgainst, picturesReply } from '../support/openai-upstream.ts'
import { drawPicture, toBase64 } from '../support/pictures.ts'

const context = { signal: new AbortController().signal }
const request = { prompt: 'a fox', numImages: 1 }
let upstream: FakeUpstream
let reply: Reply

beforeEach(async () => {
  upstream = await startUpstream(() => reply)
})

afterEach(() => upstream[Symbol.asyncDispose]())

const html = { 'content-type': 'text/html' }

/** What the hosted API and its look-alikes answer, and what it means. */
const FAULTS: [what: string, reply: Reply, code: string, retryAfterMs?: number][] = [
  [
    'a moderation refusal of a GPT model',
    errorReply(400, { type: 'image_generation_user_error', code: 'moderation_blocked' }),
    'content_policy',
  ],
  [
    'a moderation refusal of DALL·E',
    errorReply(400, { type: 'invalid_request_error', code: 'content_policy_violation' }),
    'content_policy',
  ],
  ['a bad value', errorReply(400, { type: 'invalid_request_error', code: 'invalid_value', param: 'size' }), 'upstream_rejected'],
  ['a list of complaints', { status: 422, json: { detail: [{ loc: ['body', 'n'], msg: 'too many' }] } }, 'upstream_rejected'],
  ['a redirect', { status: 302, headers: { location: 'https://elsewhere.example' } }, 'upstream_failed'],
  ['a wrong key', errorReply(401, { code: 'invalid_api_key' }), 'upstream_authentication'],
  ['a forbidden region', errorReply(403, { code: 'unsupported_country_region_territory' }), 'upstream_authentication'],
  ['an unknown model', errorReply(404, { code: 'model_not_found', param: 'model' }), 'upstream_model_not_found'],
  ['a path that is not there', { status: 404, text: '<html>Not Found</html>', headers: html }, 'upstream_model_not_found'],
  ['a rate limit', errorReply(429, { code: 'rate_limit_exceeded' }, { 'retry-after': '7' }), 'upstream_rate_limit', 7000],
  [
    'a rate limit in milliseconds',
    errorReply(429, {}, { 'retry-after-ms': '350', 'retry-after': '1' }),
    'upstream_rate_limit',
    350,
  ],
  ['a rate limit without a hint', errorReply(429, {}), 'upstream_rate_limit'],
  ['a spent quota', errorReply(429, { type: 'insufficient_quota', code: 'insufficient_quota' }), 'upstream_quota'],
  ['a spent budget', errorReply(400, { code: 'billing_hard_limit_reached' }), 'upstream_quota'],
  ['a pause of an hour', errorReply(429, {}, { 'retry-after': '3600' }), 'upstream_quota', 3_600_000],
  ['a server fault', errorReply(500, { type: 'server_error' }), 'upstream_unavailable'],
  ['an overload', errorReply(503, {}, { 'retry-after': '2' }), 'upstream_unavailable', 2000],
  ['a gateway’s page', { status: 502, text: '<html>Bad Gateway</html>', headers: html }, 'upstream_unavailable'],
  ['a fault that a repeat cannot cure', errorReply(500, {}, { 'x-should-retry': 'false' }), 'upstream_failed'],
  ['an answer without pictures', { json: { created: 1, data: [] } }, 'empty_answer'],
  ['a picture without bytes', { json: { created: 1, data: [{ b64_json: null, url: null }] } }, 'empty_answer'],
  ['a page in place of an answer', { text: '<html>Welcome</html>', headers: html }, 'upstream_failed'],
  ['JSON of some other kind', { json: { hello: 'world' } }, 'upstream_failed'],
  ['a broken connection', 'reset', 'upstream_ambiguous'],
  ['a torn answer', 'tear', 'upstream_ambiguous'],
]

describe('the openai backend', () => {
  it.each(FAULTS)('asks once and tells %s for what it is', async (_, faulty, code, retryAfterMs) => {
    reply = faulty
    await using backend = await openAgainst(upstream.url)
    const error = await backend.run(request, context).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'DiffgentorError', code })
    expect((error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs)
    expect(upstream.requests).toHaveLength(1)
  })

  it('obeys a Retry-After that is a date', async () => {
    reply = errorReply(429, {}, { 'retry-after': new Date(Date.now() + 90_000).toUTCString() })
    await using backend = await openAgainst(upstream.url)
    const { retryAfterMs } = await backend.run(request, context).catch((thrown) => thrown)
    expect(retryAfterMs).toBeGreaterThan(80_000)
    expect(retryAfterMs).toBeLessThanOrEqual(90_000)
  })

  it('quotes the provider in one sentence that says what to do', async () => {
    reply = errorReply(401, { message: 'Incorrect API key provided.', code: 'invalid_api_key' })
    await using backend = await openAgainst(upstream.url)
    const host = new URL(upstream.url).host
    await expect(backend.run(request, context)).rejects.toThrow(
      `${host} does not accept the key (status 401): Incorrect API key provided; check the key and what it may use.`,
    )
  })

  it('sends nothing more once its only key is refused', async () => {
    reply = errorReply(401, { code: 'invalid_api_key' })
    await using backend = await openAgainst(upstream.url)
    await expect(backend.run(request, context)).rejects.toMatchObject({ code: 'upstream_authentication' })
    await expect(backend.run(request, context)).rejects.toMatchObject({ code: 'upstream_authentication' })
    expect(upstream.requests).toHaveLength(1)
  })

  it('cancels a request under way by closing its connection', async () => {
    reply = 'hang'
    const controller = new AbortController()
    await using backend = await openAgainst(upstream.url)
    const running = backend.run(request, { signal: controller.signal })
    await upstream.arrived(1)
    controller.abort()
    await expect(running).rejects.toMatchObject({ code: 'upstream_ambiguous' })
    await upstream.drained()
  })

  it('gives up after the time that the settings allow', async () => {
    reply = 'hang'
    await using backend = await openAgainst(upstream.url, { openaiTimeout: 3 })
    await expect(backend.run(request, context)).rejects.toMatchObject({ code: 'upstream_ambiguous' })
    expect(upstream.requests).toHaveLength(1)
  })

  it('rejects at once when the signal has fired, and sends nothing', async () => {
    await using backend = await openAgainst(upstream.url)
    await expect(backend.run(request, { signal: AbortSignal.abort() })).rejects.toThrow()
    expect(upstream.requests).toHaveLength(0)
  })
})

describe('a thousand requests at once', () => {
  it('are all answered, within the limit of requests in flight, and leave no connection behind', async () => {
    reply = picturesReply(toBase64(await drawPicture()))
    const backend = await openAgainst(upstream.url, { maxGlobalWorkers: 1000 })
    const results = await Promise.all(Array.from({ length: 1000 }, () => backend.run(request, context)))
    expect(results.every(({ images }) => images.length === 1)).toBe(true)
    expect(upstream.requests).toHaveLength(1000)
    await backend[Symbol.asyncDispose]()
    await upstream.drained()
  })

  it('use no more connections than requests may be in flight', async () => {
    reply = picturesReply(toBase64(await drawPicture()))
    await using backend = await openAgainst(upstream.url, { maxGlobalWorkers: 16 })
    await Promise.all(Array.from({ length: 1000 }, () => backend.run(request, context)))
    expect(upstream.requests).toHaveLength(1000)
    expect(upstream.inFlight.most).toBeLessThanOrEqual(16)
    expect(upstream.sockets.most).toBeLessThanOrEqual(16)
  })
})

describe('several endpoints', () => {
  it('get only the keys that they are paired with', async () => {
    reply = picturesReply(toBase64(await drawPicture()))
    await using second = await startUpstream(() => reply)
    await using backend = await openAgainst('', {
      openaiBaseUrl: undefined,
      openaiEndpoints: [`${upstream.url}/v1`, `${second.url}/v1`],
      openaiApiKeys: ['sk-first-key', 'sk-second-key'],
    })
    await Promise.all(Array.from({ length: 40 }, () => backend.run(request, context)))
    const keysAt = ({ requests }: FakeUpstream) => new Set(requests.map(({ headers }) => headers.authorization))
    expect([upstream.requests.length, second.requests.length]).toEqual([20, 20])
    expect([...keysAt(upstream)]).toEqual(['Bearer sk-first-key'])
    expect([...keysAt(second)]).toEqual(['Bearer sk-second-key'])
  })

  it('go on without the one whose key is refused', async () => {
    const fine = picturesReply(toBase64(await drawPicture()))
    reply = errorReply(401, { code: 'invalid_api_key' })
    await using second = await startUpstream(() => fine)
    await using backend = await openAgainst('', {
      openaiBaseUrl: undefined,
      openaiEndpoints: [`${upstream.url}/v1`, `${second.url}/v1`],
    })
    await expect(backend.run(request, context)).rejects.toMatchObject({
      code: 'upstream_unavailable',
      message: expect.stringContaining('the other endpoints go on'),
    })
    for (let count = 0; count < 10; count++) await backend.run(request, context)
    expect([upstream.requests.length, second.requests.length]).toEqual([1, 10])
  })
})
