import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fixturePath } from '../support/fixtures.ts'
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
