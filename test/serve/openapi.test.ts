import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { readJson, startTestServer } from './test-server.ts'

describe('the documentation', () => {
  it('is a valid OpenAPI 3.1 document with every route', async () => {
    const server = await startTestServer()
    const document = await readJson(await fetch(`${server.url}/openapi.json`))
    const validator = new Validator()
    const result = await validator.validate(document)
    expect(result).toMatchObject({ valid: true })
    expect(validator.version).toBe('3.1')
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/v1/images/generations',
        '/v1/images/edits',
        '/v1/models/{id}',
        '/v1/chat/completions',
        '/health',
      ]),
    )
  })

  it('is a page that loads nothing from elsewhere', async () => {
    const server = await startTestServer()
    for (const path of ['/', '/docs']) {
      const response = await fetch(server.url + path)
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
      const page = await response.text()
      expect(page).toContain('/v1/images/generations')
      expect(page).not.toMatch(/(src|href)="(https?:)?\/\//)
      expect(page).not.toContain('<script')
      expect(page).toMatch(/-F images?=@FILE/)
      for (const [, anchor] of page.matchAll(/href="#([^"]+)"/g)) expect(page).toContain(`id="${anchor}"`)
    }
  })

  it('leaves out families that are not served', async () => {
    const server = await startTestServer({ settings: { families: ['openai'] } })
    const document = await readJson(await fetch(`${server.url}/openapi.json`))
    expect(document.paths['/v1/chat/completions']).toBeUndefined()
    expect((await fetch(`${server.url}/v1/chat/completions`, { method: 'POST' })).status).toBe(404)
    await expect(startTestServer({ settings: { families: ['nope'] } })).rejects.toThrow('no protocol family')
  })
})

describe('/metrics', () => {
  it('counts requests, pictures and failures', async () => {
    const server = await startTestServer()
    const draw = (prompt: string) =>
      fetch(`${server.url}/v1/images/generations`, { method: 'POST', body: JSON.stringify({ prompt, n: 2 }) })
    await (await draw('x')).text()
    await (await draw('[fail:out_of_memory]')).text()
    const text = await (await fetch(`${server.url}/metrics`)).text()
    expect(text).toContain('diffgentor_images_total{model="acme/fake-1",kind="generate"} 2')
    expect(text).toContain('diffgentor_failures_total{code="out_of_memory"} 1')
    expect(text).toContain('diffgentor_requests_total{method="POST",route="/v1/images/generations",status="200"} 1')
    expect(text).toContain('diffgentor_queue_waiting 0')
    expect(text).toContain('diffgentor_model_loaded{model="acme/fake-1"} 1')
  })
})
