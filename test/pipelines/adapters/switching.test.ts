import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DiffusionOptions } from '../../../src/contract/index.ts'
import { openPipeline, type Pipeline } from '../../../src/pipelines/index.ts'
import { fixturePath } from '../../support/fixtures.ts'

const peft = fixturePath('lora/sd15-peft.safetensors')
const kohya = fixturePath('lora/sd15-kohya.safetensors')
const single = fixturePath('ti/single.safetensors')
const multiple = fixturePath('ti/multi-a1111.safetensors')

let pipeline: Pipeline
beforeAll(async () => {
  pipeline = await openPipeline({ folder: fixturePath('models/sd15-tiny') })
  await draw({})
})
afterAll(async () => {
  await pipeline[Symbol.asyncDispose]()
})

/** Draws one picture; returns its pixels and the graphs that were loaded for it. */
async function draw(diffusion: DiffusionOptions, prompt = 'a fox'): Promise<{ pixels: Buffer; loaded: string[] }> {
  const loaded: string[] = []
  const { images } = await pipeline.run(
    { prompt, numImages: 1, seeds: [3], numInferenceSteps: 2, guidanceScale: 4, diffusion },
    {
      signal: new AbortController().signal,
      onProgress: (event) => {
        if (event.phase === 'load') loaded.push(event.component)
      },
    },
  )
  const [image] = images
  if (image?.picture.kind !== 'raw') throw new Error('expected raw pixels')
  return { pixels: Buffer.from(image.picture.pixels), loaded }
}

describe('rows that differ in their adapters', () => {
  it('share the loaded graphs when only the weight of a LoRA differs', async () => {
    const full = await draw({ loras: [{ path: peft, weight: 1 }] })
    const half = await draw({ loras: [{ path: peft, weight: 0.5 }] })
    const again = await draw({ loras: [{ path: peft, weight: 1 }] })
    expect(half.loaded).toEqual([])
    expect(again.loaded).toEqual([])
    expect(again.pixels.equals(full.pixels)).toBe(true)
    expect(half.pixels.equals(full.pixels)).toBe(false)
  })

  it('go back to the plain model, and to a LoRA used before, without loading', async () => {
    const plain = await draw({})
    const changed = await draw({ loras: [{ path: kohya, weight: 0.8 }] })
    const plainAgain = await draw({})
    const changedAgain = await draw({ loras: [{ path: kohya, weight: 0.8 }] })
    expect(plainAgain.loaded).toEqual([])
    expect(changedAgain.loaded).toEqual([])
    expect(plainAgain.pixels.equals(plain.pixels)).toBe(true)
    expect(changedAgain.pixels.equals(changed.pixels)).toBe(true)
    expect(changed.pixels.equals(plain.pixels)).toBe(false)
  })

  it('draw the same picture whatever was drawn before', async () => {
    const wish = { loras: [{ path: peft, weight: 0.7 }], embeddings: [{ path: single }], clipSkip: 1 }
    const first = await draw(wish, 'a photo of <fx-cat>')
    await draw({ embeddings: [{ path: multiple, token: '<fx-cat>' }] }, 'a photo of <fx-cat>')
    const second = await draw(wish, 'a photo of <fx-cat>')
    expect(second.pixels.equals(first.pixels)).toBe(true)
  })

  it('give a learned token its own meaning in each row', async () => {
    const one = await draw({ embeddings: [{ path: single, token: '<x>' }] }, '<x> in snow')
    const other = await draw({ embeddings: [{ path: multiple, token: '<x>' }] }, '<x> in snow')
    expect(other.loaded).toEqual([])
    expect(other.pixels.equals(one.pixels)).toBe(false)
  })

  it('change the clip skip without loading', async () => {
    const one = await draw({ clipSkip: 1 })
    const two = await draw({ clipSkip: 2 })
    expect(two.loaded).toEqual([])
    expect(two.pixels.equals(one.pixels)).toBe(false)
  })

  it('leave the picture as it is with a LoRA of weight 0', async () => {
    const plain = await draw({})
    const none = await draw({ loras: [{ path: peft, weight: 0 }] })
    expect(none.loaded).toEqual([])
    expect(none.pixels.equals(plain.pixels)).toBe(true)
  })
})

describe('adapters that do not fit', () => {
  it('are refused when a LoRA matches nothing', async () => {
    await expect(draw({ loras: [{ path: single, weight: 1 }] })).rejects.toMatchObject({
      code: 'model_unreadable',
      field: 'loras',
    })
  })

  it('are refused when a LoRA was made for another family', async () => {
    const sdxl = fixturePath('lora/sdxl-peft.safetensors')
    await expect(draw({ loras: [{ path: sdxl, weight: 1 }] })).rejects.toMatchObject({ code: 'invalid_request', field: 'loras' })
  })

  it('are refused when more layers are to be left out than there are', async () => {
    await expect(draw({ clipSkip: 3 })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('at most 2'),
    })
  })

  it('are refused when a file is missing', async () => {
    await expect(draw({ loras: [{ path: '/nowhere/x.safetensors', weight: 1 }] })).rejects.toMatchObject({
      code: 'model_not_found',
    })
  })
})
