import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openBackend } from '../../src/backends/registry.ts'
import { SHARED_SETTINGS, withDefaults } from '../../src/config/settings.ts'
import { type Reply, startUpstream } from './support/fake-upstream.ts'
import { drawPicture, toBase64 } from './support/pictures.ts'

/** Answers of a provider that repeats the caller's key wherever it can. */
function echoes(key: string, picture: string): Reply[] {
  const error = { message: `Bad key ${key}.`, status: key, type: key, code: key, details: [{ reason: key }] }
  const statuses = [302, 400, 401, 403, 404, 408, 413, 429, 500, 503]
  return [
    'reset',
    'tear',
    ...statuses.map((status): Reply => ({ status, json: { error }, headers: { 'x-echo': key, location: `https://${key}` } })),
    ...statuses.map((status): Reply => ({ status, text: `Your header was Authorization: Bearer ${key}` })),
    { text: key },
    { json: { data: [], promptFeedback: { blockReason: 'OTHER', blockReasonMessage: key } } },
    { json: { candidates: [{ finishReason: 'SAFETY', finishMessage: key }] } },
    { json: { candidates: [{ content: { parts: [{ text: key }] }, finishReason: 'STOP' }] } },
    { json: { data: [{ b64_json: picture }], candidates: [{ content: { parts: [{ inlineData: { data: picture } }] } }] } },
  ]
}

describe.each(['openai', 'google_genai'])('the key of %s', (name) => {
  it('is in nothing that comes out of the backend, whatever the provider does', async () => {
    const picture = toBase64(await drawPicture())
    const keys = fc.stringMatching(/^[A-Za-z0-9_.~+/=-]{12,40}$/)
    await fc.assert(
      fc.asyncProperty(keys, async (key) => {
        const replies = echoes(key, picture)
        await using upstream = await startUpstream((_, place) => replies[place] ?? 'reset')
        const values = { openaiBaseUrl: `${upstream.url}/v1`, openaiApiKey: key, geminiBaseUrl: upstream.url, geminiApiKey: key }
        for (const _ of replies) {
          // A fresh backend each time: one whose key was refused sends nothing more.
          await using backend = await openBackend(withDefaults(SHARED_SETTINGS, { backend: name, ...values }))
          const told: unknown[] = []
          const context = { signal: new AbortController().signal, onProgress: (event: unknown) => told.push(event) }
          told.push(await backend.run({ prompt: 'a fox', numImages: 1 }, context).catch((thrown: unknown) => thrown))
          const shown = inspect([told, backend], { depth: 20, showHidden: true }) + JSON.stringify(told)
          expect(shown).not.toContain(key)
        }
        expect(upstream.requests).toHaveLength(replies.length)
      }),
      { numRuns: 10 },
    )
  })
})
