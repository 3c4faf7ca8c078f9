import { describe, expect, it } from 'vitest'
import { lookAt, makePng } from './pictures.ts'
import { fromBase64, generate, post, readEvents, readJson, startTestServer } from './test-server.ts'

describe('streaming', () => {
  it('case 18: sends previews, then the whole picture', async () => {
    const server = await startTestServer()
    const fields = { prompt: 'x', stream: true, partial_images: 2, seed: 5, quality: 'auto' }
    const response = await generate(server, fields)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(response.headers.get('x-seed')).toBe('5')
    const events = await readEvents(response)
    expect(events.map(({ event }) => event)).toEqual([
      'image_generation.partial_image',
      'image_generation.partial_image',
      'image_generation.completed',
    ])
    expect(events.map(({ data }) => data.partial_image_index)).toEqual([0, 1, undefined])
    expect(events.map(({ data }) => data.quality)).toEqual([null, null, null])
    const last = events.at(-1)!.data
    expect(last).toMatchObject({ type: 'image_generation.completed', size: '64x64', output_format: 'png', background: 'opaque' })
    const whole = await readJson(await generate(server, { prompt: 'x', seed: 5 }))
    expect(last.b64_json).toBe(whole.data[0].b64_json)
  })

  it('sends one completed record for each picture, and none but those without partial_images', async () => {
    const server = await startTestServer()
    const events = await readEvents(await generate(server, { prompt: 'x', stream: true, n: 3 }))
    expect(events.map(({ event }) => event)).toEqual(Array(3).fill('image_generation.completed'))
  })

  it('names the events of edits after edits', async () => {
    const server = await startTestServer()
    const images = [(await makePng(32, 32)).toString('base64')]
    const events = await readEvents(
      await post(server, '/v1/images/edits', { prompt: 'x', images, stream: true, partial_images: 1 }),
    )
    expect(events.map(({ data }) => data.type)).toEqual(['image_edit.partial_image', 'image_edit.completed'])
    expect((await lookAt(fromBase64(events[1]!.data.b64_json))).format).toBe('png')
  })

  it('case 19: answers a wrong request with JSON, not with events', async () => {
    const server = await startTestServer()
    const response = await generate(server, { prompt: 'x', stream: true, size: 'invalid' })
    expect(response.status).toBe(400)
    expect(response.headers.get('content-type')).toBe('application/json')
  })

  it('case 20: ends a stream whose backend fails with an error record', async () => {
    const server = await startTestServer()
    const events = await readEvents(await generate(server, { prompt: '[fail:out_of_memory]', stream: true }))
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      event: 'error',
      data: { type: 'error', error: { code: 'out_of_memory', type: 'server_error' } },
    })
  })
})
