import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ImageRequest } from '../../src/contract/index.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readGolden, readGoldenCases } from '../support/golden-cases.ts'
import { makePng } from './pictures.ts'
import { fetchJson, startServe } from './served-command.ts'
import { fromBase64, generate, post, readJson, startTestServer } from './test-server.ts'

/** What the model was shown: the bytes of each picture, and how much they count. */
function shownIn({ diffusion }: ImageRequest) {
  const { images, scale } = diffusion!.ipAdapter!
  return { images: images.map((image) => Buffer.from(image)), scale }
}

describe('pictures for an IP-Adapter', () => {
  it('come as base64, as a data URL, or several at once, in JSON', async () => {
    const server = await startTestServer()
    const [red, blue] = [await makePng(8, 8, 'red'), await makePng(8, 8, 'blue')]
    await generate(server, { prompt: 'x', ip_adapter_image: red.toString('base64'), ip_adapter_scale: 0.5 })
    const url = `data:image/png;base64,${blue.toString('base64')}`
    await generate(server, { prompt: 'x', extra_body: { ip_adapter_image: [red.toString('base64'), url] } })
    expect(server.backend.requests.map(shownIn)).toEqual([
      { images: [red], scale: 0.5 },
      { images: [red, blue], scale: undefined },
    ])
  })

  it('come as files of an edit, of a job and of /post_config', async () => {
    const jobsDir = mkdtempSync(join(tmpdir(), 'diffgentor-ip-adapter-'))
    onTestFinished(() => rmSync(jobsDir, { recursive: true, force: true }))
    const server = await startTestServer({ settings: { jobsDir } })
    const [source, shown] = [await makePng(64, 64, 'gray'), await makePng(8, 8, 'red')]
    const form = (texts: Record<string, string>) => {
      const body = new FormData()
      body.set('image', new Blob([source]))
      body.append('ip_adapter_image', new Blob([shown]))
      for (const [name, text] of Object.entries(texts)) body.set(name, text)
      return body
    }
    const edit = form({ prompt: 'x', ip_adapter_scale: '0.25' })
    expect((await fetch(`${server.url}/v1/images/edits`, { method: 'POST', body: edit })).status).toBe(200)
    const job = await readJson(await fetch(`${server.url}/v1/jobs`, { method: 'POST', body: form({ prompt: 'x' }) }))
    await expect.poll(async () => (await fetchJson(server.url, `/v1/jobs/${job.id}`)).status).toBe('completed')
    const query = '/post_config?prompt=x&ip_adapter_scale=2'
    expect((await fetch(server.url + query, { method: 'POST', body: form({}) })).status).toBe(200)
    const images = [shown]
    expect(server.backend.requests.map(shownIn)).toEqual([
      { images, scale: 0.25 },
      { images, scale: undefined },
      { images, scale: 2 },
    ])
  })

  it('come in the rows of an uploaded batch, but not from files of the server', async () => {
    const jobsDir = mkdtempSync(join(tmpdir(), 'diffgentor-ip-adapter-'))
    onTestFinished(() => rmSync(jobsDir, { recursive: true, force: true }))
    const server = await startTestServer({ settings: { jobsDir } })
    const shown = await makePng(8, 8, 'red')
    const pictures = [`data:image/png;base64,${shown.toString('base64')}`, fixturePath('images/inputs/a-64x64.png')]
    const rows = pictures.map((picture) => JSON.stringify({ prompt: 'x', ip_adapter_image: picture, ip_adapter_scale: 0.5 }))
    const body = new FormData()
    body.set('file', new Blob([rows.join('\n')]), 'rows.jsonl')
    const { id } = await readJson(await fetch(`${server.url}/v1/jobs`, { method: 'POST', body }))
    await expect.poll(async () => (await fetchJson(server.url, `/v1/jobs/${id}`)).status).toMatch(/completed|failed/)
    expect((await fetchJson(server.url, `/v1/jobs/${id}`)).counts).toMatchObject({ done: 1, failed: 1 })
    expect(server.backend.requests.map(shownIn)).toEqual([{ images: [shown], scale: 0.5 }])
  })

  it('come as ControlNet units of AUTOMATIC1111 that name an IP-Adapter', async () => {
    const server = await startTestServer()
    const shown = await makePng(8, 8, 'red')
    const unit = { image: shown.toString('base64'), module: 'ip-adapter_clip_sd15', model: 'ip-adapter_sd15 [6a3f6166]' }
    const draw = async (args: object[]) =>
      await post(server, '/sdapi/v1/txt2img', { prompt: 'x', alwayson_scripts: { controlnet: { args } } })
    const drawn = await readJson(await draw([{ ...unit, weight: 0.6, guidance_end: 0.5 }]))
    expect(drawn.warnings.join()).toContain('all steps')
    expect(shownIn(server.backend.requests[0]!)).toEqual({ images: [shown], scale: 0.6 })
    expect(server.backend.requests[0]!.diffusion!.controlnets).toBeUndefined()
    const mixed = await draw([
      { ...unit, weight: 0.6 },
      { ...unit, weight: 0.7 },
    ])
    expect(mixed.status).toBe(400)
    expect((await readJson(mixed)).detail).toContain('one weight')
  })

  it('are refused when they are no pictures', async () => {
    const server = await startTestServer()
    const answer = await generate(server, { prompt: 'x', ip_adapter_image: Buffer.from('no picture').toString('base64') })
    expect(answer.status).toBe(400)
    expect((await readJson(answer)).error.code).toBe('invalid_image')
  })

  it('shape what a local model draws as they do in diffusers', async () => {
    const { url } = await startServe(['--model_name', fixturePath('models/ip-adapter-tiny')])
    const [golden] = readGoldenCases(['ipa-t2i'], 'ip-adapter-goldens')
    const picture = readFileSync(fixturePath('images/inputs/d-150x101.png'))
    const look = { seed: 42, num_inference_steps: 4, guidance_scale: 7.5 }
    const asked = { prompt: golden!.request.prompt, ...look, ip_adapter_image: picture.toString('base64') }
    const drawn = await fetchJson(url, '/v1/images/generations', asked)
    const { pixels } = (await decodePicture(fromBase64(drawn.data[0].b64_json))).picture
    const { values } = readGolden(golden!, 'image')
    expect(pixels.every((value, i) => Math.abs(value - values[i]!) <= 1)).toBe(true)
  })
})
