import { describe, expect, it } from 'vitest'
import { type EndpointSettings, readEndpoints } from '../../../src/backends/hosted/hosted-endpoints.ts'

const base = { keyVariable: 'OPENAI_API_KEY', poolPrefix: 'DG_OPENAI', defaultBaseUrl: 'https://api.openai.com/v1' }
const read = (settings: Partial<EndpointSettings>) => readEndpoints({ ...base, ...settings })
const pairs = (settings: Partial<EndpointSettings>) => read(settings).map(({ baseUrl, apiKey }) => [baseUrl, apiKey])

describe('endpoints and keys', () => {
  it('pair up in order when there are equally many', () => {
    expect(pairs({ endpoints: ['https://a/v1', 'https://b/v1/'], apiKeys: ['ka', 'kb'] })).toEqual([
      ['https://a/v1', 'ka'],
      ['https://b/v1', 'kb'],
    ])
  })

  it('share one key', () => {
    expect(pairs({ endpoints: ['https://a/v1', 'https://b/v1'], apiKey: 'k' })).toEqual([
      ['https://a/v1', 'k'],
      ['https://b/v1', 'k'],
    ])
  })

  it('let several keys take turns at the one address', () => {
    expect(pairs({ apiKeys: ['k1', 'k2'] })).toEqual([
      ['https://api.openai.com/v1', 'k1'],
      ['https://api.openai.com/v1', 'k2'],
    ])
  })

  it.each([
    ['more keys than endpoints', { endpoints: ['https://a/v1'], apiKeys: ['k1', 'k2'] }],
    ['fewer keys than endpoints', { endpoints: ['https://a', 'https://b', 'https://c'], apiKeys: ['k1', 'k2'] }],
    ['fewer weights than endpoints', { endpoints: ['https://a', 'https://b', 'https://c'], apiKey: 'k', weights: [1, 2] }],
    ['a weight of nothing', { endpoints: ['https://a', 'https://b'], apiKey: 'k', weights: [1, 0] }],
    ['more rates than endpoints', { apiKey: 'k', rateLimits: [1, 2] }],
    ['an address that is none', { endpoints: ['a.example'], apiKey: 'k' }],
    ['an address with a password', { endpoints: ['https://me:secret@a.example'], apiKey: 'k' }],
    ['a key with a line break in it', { apiKey: 'secret\nkey' }],
    ['no key for the hosted API', {}],
  ])('are refused with %s', (_, settings) => {
    expect(() => read(settings)).toThrow(
      expect.objectContaining({ code: 'invalid_configuration', message: expect.not.stringContaining('secret') }),
    )
  })

  it('need no key on a server of one’s own', () => {
    expect(pairs({ baseUrl: 'http://localhost:8000/v1' })).toEqual([['http://localhost:8000/v1', undefined]])
  })

  it('take their own rate over the common one', () => {
    const limits = (settings: Partial<EndpointSettings>) => read({ apiKey: 'k', ...settings }).map((e) => e.requestsPerMinute)
    expect(limits({ endpoints: ['https://a', 'https://b'], rateLimits: [5, 6], rateLimit: 9 })).toEqual([5, 6])
    expect(limits({ endpoints: ['https://a', 'https://b'], rateLimit: 9 })).toEqual([9, 9])
  })

  it('are told apart by number when they share a host', () => {
    expect(read({ apiKeys: ['k1', 'k2'] }).map(({ name }) => name)).toEqual(['api.openai.com #1', 'api.openai.com #2'])
  })
})
