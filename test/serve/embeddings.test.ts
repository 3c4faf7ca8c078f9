import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readGolden, readGoldenCases } from '../support/golden-cases.ts'
import { writeSafetensors } from '../support/write-safetensors.ts'
import { fetchJson, startServe } from './served-command.ts'
import { fromBase64, generate, type Json, post, readJson, startTestServer, type TestServerOptions } from './test-server.ts'

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-embeddings-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** `name` → the tensors of its file, each `count` × `width`. */
async function writeEmbeddings(folder: string, files: Record<string, Record<string, [count: number, width: number]>>) {
  for (const [name, tensors] of Object.entries(files)) {
    const made = Object.entries(tensors).map(([key, shape]) => {
      return [key, { shape, data: new Array<number>(shape[0] * shape[1]).fill(0.5) }] as const
    })
    await writeSafetensors(join(folder, `${name}.safetensors`), Object.fromEntries(made))
  }
}

const FILES: Parameters<typeof writeEmbeddings>[1] = {
  badhand: { emb_params: [3, 8] },
  'badhand-v2': { emb_params: [1, 8] },
  cat: { '<my-cat>': [1, 8] },
  night: { clip_g: [2, 12], clip_l: [2, 8] },
  huge: { emb_params: [1, 1024] },
}

async function startWithEmbeddings({ settings, ...options }: TestServerOptions = {}) {
  const embeddingDir = makeFolder()
  await writeEmbeddings(embeddingDir, FILES)
  const abilities = { embeddingWidths: { text_encoder: 8 } }
  return { embeddingDir, server: await startTestServer({ abilities, settings: { embeddingDir, ...settings }, ...options }) }
}

describe('textual inversions of the operator’s folder', () => {
  /** The words that were called, each with the name of its file. */
  async function callWords(fields: object): Promise<{ words: Record<string, string>; warnings: string[] }> {
    const { server, embeddingDir } = await startWithEmbeddings()
    const { warnings } = await readJson(await generate(server, fields))
    const choices = server.backend.requests[0]!.diffusion?.embeddings ?? []
    const words = choices.map(({ token, path }) => [token, path.slice(embeddingDir.length + 1)])
    return { words: Object.fromEntries(words), warnings }
  }

  it.each([
    ['a file’s name', { prompt: 'a fox, BadHand' }, { badhand: 'badhand.safetensors' }],
    ['a name with weights around it', { prompt: '(badhand:1.2), a fox' }, { badhand: 'badhand.safetensors' }],
    ['the token that the file names', { prompt: 'a photo of <my-cat>' }, { '<my-cat>': 'cat.safetensors' }],
    ['a name in the negative prompt', { prompt: 'a fox', negative_prompt: 'night' }, { night: 'night.safetensors' }],
    ['the longer of two names', { prompt: 'badhand-v2' }, { 'badhand-v2': 'badhand-v2.safetensors' }],
    ['both names', { prompt: 'badhand-v2, badhand' }, { 'badhand-v2': 'badhand-v2.safetensors', badhand: 'badhand.safetensors' }],
    ['no name inside another word', { prompt: 'a nightingale and a bobcat' }, {}],
  ])('are called by %s', async (_what, fields, words) => {
    expect(await callWords(fields)).toEqual({ words, warnings: [] })
  })

  it('stay words, with a warning, where they do not fit the model', async () => {
    const { words, warnings } = await callWords({ prompt: 'a huge cat' })
    expect(words).toEqual({ cat: 'cat.safetensors' })
    expect(warnings).toEqual([expect.stringContaining('textual inversion huge')])
  })

  it('may be named by a request, with another word', async () => {
    const { words } = await callWords({ prompt: 'a hand', embedding: { name: 'badhand', token: 'hand' } })
    expect(words).toEqual({ hand: 'badhand.safetensors' })
  })

  it('are called by the rows of a batch too', async () => {
    const { server } = await startWithEmbeddings({ settings: { jobsDir: makeFolder() } })
    const body = new FormData()
    body.set('file', new Blob(['a fox, badhand\n']), 'prompts.txt')
    const { id } = await readJson(await fetch(`${server.url}/v1/jobs`, { method: 'POST', body }))
    await expect.poll(async () => (await fetchJson(server.url, `/v1/jobs/${id}`)).status).toBe('completed')
    expect(server.backend.requests[0]!.diffusion!.embeddings).toMatchObject([{ token: 'badhand' }])
  })

  it('are found as soon as they lie there', async () => {
    const { server, embeddingDir } = await startWithEmbeddings()
    await generate(server, { prompt: 'a newcomer' })
    await writeEmbeddings(embeddingDir, { newcomer: { emb_params: [1, 8] } })
    await generate(server, { prompt: 'a newcomer' })
    expect(server.backend.requests.map(({ diffusion }) => diffusion?.embeddings?.length ?? 0)).toEqual([0, 1])
  })

  it('are listed in the words of AUTOMATIC1111 and of the Stable Diffusion API', async () => {
    const { server } = await startWithEmbeddings()
    const { loaded, skipped } = await fetchJson(server.url, '/sdapi/v1/embeddings')
    expect(Object.keys(loaded)).toEqual(['badhand-v2', 'badhand', 'cat', 'night'])
    expect(loaded.badhand).toEqual({ step: null, sd_checkpoint: null, sd_checkpoint_name: null, shape: 8, vectors: 3 })
    expect(Object.keys(skipped)).toEqual(['huge'])
    const refreshed = await post(server, '/sdapi/v1/refresh-embeddings', {})
    expect([refreshed.status, await readJson(refreshed)]).toEqual([200, null])
    const available = await fetchJson(server.url, '/get_available_embeddings')
    expect(available.cat).toEqual({ embedding_path: 'cat.safetensors', 'trigger words': ['cat', '<my-cat>'] })
  })
})

describe('a textual inversion named by its path', () => {
  const name = async (server: { url: string }, embedding: Json, key: string) => {
    const headers = { authorization: `Bearer ${key}` }
    const body = JSON.stringify({ prompt: 'x', embedding })
    return await fetch(`${server.url}/v1/images/generations`, { method: 'POST', headers, body })
  }

  it('needs the admin key, and must lie in the folder', async () => {
    const { server, embeddingDir } = await startWithEmbeddings({ settings: { apiKey: ['user'], adminApiKey: ['boss'] } })
    const path = join(embeddingDir, 'badhand.safetensors')
    expect((await name(server, { path }, 'user')).status).toBe(403)
    expect((await name(server, { path }, 'boss')).status).toBe(200)
    expect((await name(server, 'badhand', 'user')).status).toBe(200)
    const elsewhere = join(makeFolder(), 'badhand.safetensors')
    copyFileSync(path, elsewhere)
    for (const outside of [elsewhere, '../badhand', 'missing']) {
      const answer = await name(server, { path: outside }, 'boss')
      expect(answer.status).toBe(400)
      expect((await readJson(answer)).error.param).toBe('embedding')
    }
  })
})

describe('a local model', () => {
  it('draws with a called textual inversion as diffusers does', async () => {
    const folder = makeFolder()
    mkdirSync(join(folder, 'styles'))
    copyFileSync(fixturePath('ti/multi-a1111.safetensors'), join(folder, 'styles', 'fx-style.safetensors'))
    copyFileSync(fixturePath('ti/single.safetensors'), join(folder, 'cat.safetensors'))
    await writeEmbeddings(folder, { photo: { emb_params: [1, 1024] } })
    const { url } = await startServe(['--model_name', fixturePath('models/sd15-tiny'), '--embedding_dir', folder])
    const draw = async (fields: object) =>
      await fetchJson(url, '/v1/images/generations', { seed: 42, num_inference_steps: 3, guidance_scale: 7.5, ...fields })
    const isAsDrawn = async (answer: Json, golden: string) => {
      const { pixels } = (await decodePicture(fromBase64(answer.data[0].b64_json))).picture
      const { values } = readGolden(readGoldenCases([golden])[0]!, 'image')
      return pixels.every((value, i) => Math.abs(value - values[i]!) <= 1)
    }
    const styled = await draw({ prompt: 'a house, fx-style, night', negative_prompt: 'fx-style' })
    expect(await isAsDrawn(styled, 'sd15-ti-multi')).toBe(true)
    const cat = await draw({ prompt: 'a photo of <fx-cat> in the snow' })
    expect(await isAsDrawn(cat, 'sd15-ti-single')).toBe(true)
    expect(cat.warnings).toEqual([expect.stringContaining('textual inversion photo')])
    const { loaded, skipped } = await fetchJson(url, '/sdapi/v1/embeddings')
    expect([Object.keys(loaded), Object.keys(skipped)]).toEqual([['cat', 'fx-style'], ['photo']])
  })
})
