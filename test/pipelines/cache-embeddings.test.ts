import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ImageRequest } from '../../src/contract/index.ts'
import { openPipeline } from '../../src/pipelines/index.ts'
import { fixturePath } from '../support/fixtures.ts'

const REQUEST: ImageRequest = {
  prompt: 'a red fox',
  negativePrompt: 'blurry',
  numImages: 1,
  seeds: [1],
  size: { width: 64, height: 64 },
  numInferenceSteps: 1,
  guidanceScale: 4,
  diffusion: { saveLatents: true },
}

/** Draws with a fresh pipeline and tells which components it loaded. */
async function draw(embeddingFolder: string, request = REQUEST, model = 'sd3') {
  await using pipeline = await openPipeline({ folder: fixturePath(`dit/${model}/model`), embeddingFolder })
  const loaded: string[] = []
  const { images } = await pipeline.run(request, {
    signal: new AbortController().signal,
    onProgress: (event) => {
      if (event.phase === 'load') loaded.push(event.component)
    },
  })
  return { latents: images[0]!.latents, encoders: loaded.filter((name) => name.startsWith('text_encoder')) }
}

async function makeFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'embeddings-'))
}

describe('encodings of prompts on disk', () => {
  it('spare a later run the text encoders, and give the same latents', async () => {
    const folder = await makeFolder()
    const first = await draw(folder)
    const second = await draw(folder)
    expect(first.encoders).toEqual(['text_encoder', 'text_encoder_2', 'text_encoder_3'])
    expect(second.encoders).toEqual([])
    expect(second.latents).toEqual(first.latents)
  })

  it('are not taken for another prompt or another model', async () => {
    const folder = await makeFolder()
    await draw(folder)
    const other = await draw(folder, { ...REQUEST, prompt: 'a blue fox' })
    expect(other.encoders).toHaveLength(3)
    const elsewhere = await draw(folder, REQUEST, 'sd35_no_t5')
    expect(elsewhere.encoders).toHaveLength(2)
  })

  it('are made again where a file is torn', async () => {
    const folder = await makeFolder()
    const first = await draw(folder)
    for (const name of await readdir(folder)) {
      const bytes = await readFile(join(folder, name))
      await writeFile(join(folder, name), bytes.subarray(0, bytes.length - 5))
    }
    expect(await draw(folder)).toEqual(first)
  })

  it('cost only time where the folder cannot be written', async () => {
    const folder = join(await makeFolder(), 'file')
    await writeFile(folder, '')
    const { encoders } = await draw(folder)
    expect(encoders).toHaveLength(3)
  })
})
