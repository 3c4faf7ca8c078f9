import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DiffusionOptions, ImageRequest } from '../../src/contract/index.ts'
import { encodePicture } from '../../src/images/encode-picture.ts'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'

const SIZE = { width: 64, height: 64 }

let pipeline: Pipeline
beforeAll(async () => {
  pipeline = await openPipeline({ folder: fixturePath('models/sd15-tiny') })
})
afterAll(async () => {
  await pipeline[Symbol.asyncDispose]()
})

async function draw(changes: Partial<ImageRequest>) {
  const request = { prompt: 'a cat', numImages: 1, seeds: [7], numInferenceSteps: 4, size: SIZE, ...changes }
  const { images, warnings, recipe } = await pipeline.run(request, idleContext)
  return { picture: images[0]!.picture, warnings, recipe }
}

/** A flat picture of one gray. */
async function flat(value: number): Promise<Uint8Array> {
  const pixels = new Uint8Array(SIZE.width * SIZE.height * 3).fill(value)
  return await encodePicture({ kind: 'raw', channels: 3, ...SIZE, pixels }, { format: 'png' })
}

describe('the noise that a picture starts from', () => {
  it('goes all the way to another seed', async () => {
    const turned = await draw({ diffusion: { variationSeed: 9, variationStrength: 1 } })
    expect(turned.picture).toEqual((await draw({ seeds: [9] })).picture)
    expect(turned.recipe.settings).toMatchObject({ variation_seed: 9, variation_strength: 1 })
    const half = await draw({ diffusion: { variationSeed: 9, variationStrength: 0.5 } })
    expect(half.picture).not.toEqual(turned.picture)
  })

  it('is laid into the middle when it is that of another size', async () => {
    const diffusion = { seedResizeFrom: { width: 32, height: 48 } }
    const resized = await draw({ diffusion })
    expect(resized.picture).not.toEqual((await draw({})).picture)
    expect((await draw({ diffusion: { seedResizeFrom: SIZE } })).picture).toEqual((await draw({})).picture)
    expect(resized.recipe.settings).toMatchObject({ seed_resize_from: diffusion.seedResizeFrom })
  })
})

describe('what stands under a mask at first', () => {
  const repaint = async (source: number, maskFill: DiffusionOptions['maskFill']) =>
    await draw({ edit: { images: [await flat(source)], mask: await flat(255), strength: 0.5 }, diffusion: { maskFill } })

  it('is the source, noise or nothing', async () => {
    const fills = ['source', 'noise', 'nothing'] as const
    const dark = await Promise.all(fills.map(async (fill) => (await repaint(20, fill)).picture))
    const bright = await Promise.all(fills.map(async (fill) => (await repaint(230, fill)).picture))
    expect(dark[0]).not.toEqual(bright[0])
    // A mask that covers everything leaves nothing of the source.
    expect(dark.slice(1)).toEqual(bright.slice(1))
    expect(dark[1]).not.toEqual(dark[2])
  })

  it('means nothing without a mask', async () => {
    const { warnings } = await draw({ diffusion: { maskFill: 'noise' } })
    expect(warnings).toMatchObject([{ kind: 'ignored', field: 'mask_fill' }])
  })
})
