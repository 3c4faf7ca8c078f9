import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fixturePath } from '../support/fixtures.ts'
import { writeNearestUpscaler } from '../support/nearest-upscaler.ts'
import { lookAt } from './pictures.ts'
import { fetchJson, startServe } from './served-command.ts'
import { fromBase64, readJson } from './test-server.ts'

const CASE = fixturePath('dit/unidiffuser/cases/img2prompt')

describe('local models behind further protocols', () => {
  it('draws the same picture for AUTOMATIC1111 as for OpenAI, and edits it', async () => {
    const { url } = await startServe([])
    const look = { prompt: 'a red apple', seed: 42 }
    const drawn = await fetchJson(url, '/sdapi/v1/txt2img', { ...look, steps: 4 })
    const generated = await fetchJson(url, '/v1/images/generations', { ...look, num_inference_steps: 4, prompt_syntax: 'a1111' })
    expect(drawn.images[0]).toBe(generated.data[0].b64_json)
    const edit = { prompt: 'a green apple', init_images: drawn.images, denoising_strength: 0.6, steps: 4 }
    const edited = await fetchJson(url, '/sdapi/v1/img2img', edit)
    expect(edited.warnings).toEqual([])
    expect(await lookAt(fromBase64(edited.images[0]))).toMatchObject({ width: 256, height: 256 })
    expect(await fetchJson(url, '/get_model_embedding?prompt=a%20red%20apple')).toEqual(['a', 'red', 'apple'])
  })

  it('enlarges pictures with a super-resolution graph in the process of the model', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'upscalers-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeNearestUpscaler(join(folder, 'doubler.onnx'), 2)
    const { url } = await startServe(['--upscaler_dir', folder])
    const pixels = Uint8Array.of(255, 0, 0, 0, 0, 255)
    const image = await sharp(pixels, { raw: { width: 2, height: 1, channels: 3 } })
      .png()
      .toBuffer()
    const sent = { image: image.toString('base64'), upscaler_1: 'doubler', upscaling_resize: 2 }
    const answer = await fetchJson(url, '/sdapi/v1/extra-single-image', sent)
    const row = [255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255]
    expect([...(await sharp(fromBase64(answer.image)).raw().toBuffer())]).toEqual([...row, ...row])
  })

  it('describes and embeds pictures with a UniDiffuser model', async () => {
    const { url } = await startServe(['--model_name', fixturePath('dit/unidiffuser/model')])
    const send = async (path: string) => {
      const body = new FormData()
      body.set('image', new Blob([readFileSync(`${CASE}/input_image.png`)]))
      return await readJson(await fetch(url + path, { method: 'POST', body }))
    }
    const words = await send('/img2prompt?num_inference_steps=2')
    expect(words).toEqual(expect.any(String))
    expect(await send('/img2prompt?num_inference_steps=2')).toBe(words)
    const { CLIP_embeddings: clip, vae_emb: latents } = await send('/img2embed')
    expect(clip.every(Number.isFinite)).toBe(true)
    expect(latents.flat(2).every(Number.isFinite)).toBe(true)
    expect(latents[0]).toHaveLength(latents[0][0].length)
    const picture = await fetch(`${url}/prompt2img?prompt=x&num_inference_steps=2`, { method: 'POST' })
    expect(picture.headers.get('content-type')).toBe('image/png')
  })
})
