import { describe, expect, it } from 'vitest'
import { lookAt, makePng } from './pictures.ts'
import { fromBase64, type Json, post, readEvents, readJson, startTestServer } from './test-server.ts'

const PATH = '/v1/chat/completions'
const user = (content: unknown) => ({
  messages: [
    { role: 'system', content: 'be kind' },
    { role: 'user', content },
  ],
})

async function lookAtParts(body: Json): Promise<object[]> {
  const parts: { image_url: { url: string } }[] = body.choices[0].message.content
  return await Promise.all(parts.map((part) => lookAt(fromBase64(part.image_url.url.split(',')[1]!))))
}

describe('POST /v1/chat/completions', () => {
  it('case 37: answers a text with a picture in a message', async () => {
    const server = await startTestServer()
    const response = await post(server, PATH, user('a red apple'))
    expect(response.status).toBe(200)
    const body = await readJson(response)
    expect(body.id).toMatch(/^chatcmpl-[0-9a-f]{16}$/)
    expect(body).toMatchObject({ object: 'chat.completion', usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 } })
    expect(body.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', logprobs: null })
    expect(body.choices[0].message.content[0].image_url.url).toMatch(/^data:image\/png;base64,/)
    expect(server.backend.requests[0]?.prompt).toBe('a red apple')
  })

  it('case 38: takes parameters nested in extra_body and at the top level', async () => {
    const server = await startTestServer()
    const parameters = { size: '32x32', num_outputs_per_prompt: 2 }
    for (const body of [
      { ...user('x'), extra_body: parameters },
      { ...user('x'), ...parameters },
    ]) {
      const looks = await lookAtParts(await readJson(await post(server, PATH, body)))
      expect(looks).toEqual(Array(2).fill({ width: 32, height: 32, format: 'png' }))
    }
  })

  it('case 39: edits the pictures of a message, in long and short forms', async () => {
    const server = await startTestServer()
    const png = await makePng(8, 8)
    const url = `data:image/png;base64,${png.toString('base64')}`
    const forms = [
      [
        { type: 'text', text: 'x' },
        { type: 'image_url', image_url: { url } },
      ],
      [{ text: 'x' }, { image: png.toString('base64') }],
      ['x', { type: 'image_url', image_url: { url } }, { type: 'image_url', image_url: { url: 'data:image/png;base64,xxxx' } }],
    ]
    for (const content of forms) {
      expect((await post(server, PATH, user(content))).status).toBe(200)
      const { prompt, edit } = server.backend.requests.at(-1)!
      expect([prompt, edit?.images.length, Buffer.compare(edit!.images[0]!, png)]).toEqual(['x', 1, 0])
    }
  })

  it('case 40: refuses a conversation without a text of the user', async () => {
    const server = await startTestServer()
    for (const messages of [[], [{ role: 'assistant', content: 'x' }], [{ role: 'user', content: ' ' }]]) {
      const response = await post(server, PATH, { messages })
      expect(response.status).toBe(400)
      expect((await readJson(response)).error.message).toBe('No text prompt found in messages')
    }
  })

  it('case 41: streams chunks and the end mark', async () => {
    const server = await startTestServer()
    const events = await readEvents(await post(server, PATH, { ...user('x'), stream: true }))
    expect(events.at(-1)!.data).toBe('[DONE]')
    expect(events[0]!.data.object).toBe('chat.completion.chunk')
    expect(events[0]!.data.choices[0].delta.content[0].image_url.url).toMatch(/^data:image\/png;base64,/)
    expect(events[1]!.data.choices[0].finish_reason).toBe('stop')
  })

  it('joins all texts of the user, and says why drawing failed', async () => {
    const server = await startTestServer()
    const messages = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: null },
      { role: 'user', content: [{ text: 'two' }] },
    ]
    await post(server, PATH, { messages })
    expect(server.backend.requests[0]?.prompt).toBe('one two')
    const failed = await post(server, PATH, user('[fail:internal]'))
    expect(failed.status).toBe(500)
    expect((await readJson(failed)).detail).toMatch(/^Image generation failed: /)
  })

  it('refuses sounds and files', async () => {
    const server = await startTestServer()
    const response = await post(
      server,
      PATH,
      user([
        { type: 'text', text: 'x' },
        { type: 'input_audio', input_audio: {} },
      ]),
    )
    expect(response.status).toBe(400)
  })
})
