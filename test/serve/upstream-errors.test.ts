import { describe, expect, it } from 'vitest'
import { generate, readJson, startTestServer } from './test-server.ts'

describe('failures of hosted models', () => {
  it.each([
    ['content_policy', 400, 'moderation_blocked', null],
    ['empty_answer', 502, 'no_image_returned', 'false'],
    ['upstream_rejected', 400, 'invalid_value', null],
    ['upstream_model_not_found', 502, 'upstream_model_not_found', 'false'],
    ['upstream_failed', 502, 'upstream_failed', 'false'],
    ['upstream_authentication', 502, 'upstream_auth_error', 'false'],
    ['upstream_rate_limit', 429, 'rate_limit_exceeded', null],
    ['upstream_quota', 429, 'insufficient_quota', 'false'],
    ['upstream_ambiguous', 502, 'upstream_ambiguous', 'false'],
    ['upstream_unreachable', 502, 'upstream_unreachable', null],
    ['out_of_memory', 500, 'out_of_memory', 'false'],
    ['worker_crashed', 500, 'worker_crashed', null],
  ])('case 62: answers %s with %d', async (code, status, wireCode, shouldRetry) => {
    const server = await startTestServer()
    const response = await generate(server, { prompt: `[fail:${code}]` })
    expect(response.status).toBe(status)
    expect((await readJson(response)).error.code).toBe(wireCode)
    expect(response.headers.get('x-should-retry')).toBe(shouldRetry)
  })
})
