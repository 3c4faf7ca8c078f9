import { describe, expect, it } from 'vitest'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readGoldenCases } from '../support/golden-cases.ts'
import { fetchJson, startServe } from './served-command.ts'
import { fromBase64, readEvents } from './test-server.ts'

const FLAGS = ['--model_name', fixturePath('models/sd15-tiny'), '--safety_checker', fixturePath('models/safety-checker-tiny')]
const { prompt } = readGoldenCases(['sd15-t2i-n3'])[0]!.request
/** The checker's weights were chosen to flag this picture and neither of its neighbors. */
const FLAGGED = { prompt, seed: 43 }
const LOOK = { num_inference_steps: 4, guidance_scale: 7.5 }

async function isBlack(bytes: Uint8Array): Promise<boolean> {
  const { pixels } = (await decodePicture(bytes)).picture
  return pixels.every((value) => value === 0)
}

describe('a server with a safety checker', () => {
  it('says so at the start, and refuses a flagged picture in the words of OpenAI', async () => {
    const { url, stderr } = await startServe(FLAGS)
    expect(stderr()).toContain('looks at every finished picture')
    const refused = await fetchJson(url, '/v1/images/generations', { ...FLAGGED, ...LOOK })
    expect(refused.error).toMatchObject({ type: 'image_generation_user_error', code: 'moderation_blocked' })

    const streamed = { ...FLAGGED, ...LOOK, stream: true, partial_images: 2 }
    const response = await fetch(`${url}/v1/images/generations`, { method: 'POST', body: JSON.stringify(streamed) })
    const events = await readEvents(response)
    expect(events.map(({ event }) => event)).toEqual(['error'])
    expect(events[0]!.data.error.code).toBe('moderation_blocked')

    const three = await fetchJson(url, '/v1/images/generations', { ...FLAGGED, seed: 42, n: 3, ...LOOK })
    expect(three.has_nsfw_concepts).toEqual([false, true, false])
    expect(three.warnings.join()).toContain('safety checker')
    const black = await Promise.all(three.data.map((item: { b64_json: string }) => isBlack(fromBase64(item.b64_json))))
    expect(black).toEqual([false, true, false])

    const clean = await fetchJson(url, '/v1/images/generations', { prompt, seed: 42, ...LOOK })
    expect(clean.has_nsfw_concepts).toEqual([false])
    expect(clean.warnings).toEqual([])
  })

  it('hands out the black picture where the protocol knows no refusal', async () => {
    const { url } = await startServe(FLAGS)
    const drawn = await fetchJson(url, '/sdapi/v1/txt2img', { ...FLAGGED, steps: 4, cfg_scale: 7.5 })
    expect(drawn.has_nsfw_concepts).toEqual([true])
    expect(await isBlack(fromBase64(drawn.images[0]))).toBe(true)
    const query = new URLSearchParams({
      prompt,
      seed: '43',
      num_inference_steps: '4',
      guidance_scale: '7.5',
      negative_prompt: '',
    })
    const grid = await fetch(`${url}/post_config?${query}`, { method: 'POST' })
    expect(grid.status).toBe(200)
    expect(grid.headers.get('content-type')).toBe('image/png')
  })
})
