import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { readFloats } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'
import { readNpy } from '../support/read-npy.ts'
import { readTransformerCases } from '../support/transformer-goldens.ts'

const LATENTS = 5e-5

describe('Wan', () => {
  const golden = readTransformerCases('wan_t2v')[0]!
  let pipeline: Pipeline
  beforeAll(async () => {
    pipeline = await openPipeline({ folder: fixturePath('dit/wan_t2v/model') })
  })
  afterAll(async () => {
    await pipeline[Symbol.asyncDispose]()
  })

  it('draws the frames of diffusers as an animated WebP, and says so', async () => {
    const { images, warnings } = await pipeline.run(golden.request, idleContext)
    const [{ picture, latents } = {}] = images
    const expected = readNpy(join(golden.folder, 'final_latents.npy')).values
    const drawn = readFloats(latents!)
    expect(drawn.length).toBe(expected.length)
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
    const difference = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - drawn[i]!)), 0)
    expect(difference).toBeLessThanOrEqual(LATENTS * largest)

    if (picture?.kind !== 'encoded') throw new Error('expected a film')
    const frames = readNpy(join(golden.folder, 'frames.npy'))
    const film = sharp(picture.bytes, { animated: true }).removeAlpha()
    expect(await film.metadata()).toMatchObject({ format: 'webp', pages: frames.shape[0], pageHeight: frames.shape[1] })
    const pixels = await film.raw().toBuffer()
    expect(pixels.length).toBe(frames.values.length)
    expect(frames.values.every((value, i) => Math.abs(value - pixels[i]!) <= 1)).toBe(true)
    expect(warnings).toContainEqual(expect.objectContaining({ detail: expect.stringContaining('animated WebP') }))
  })

  it('refuses a number of frames that its decoder was not exported for', async () => {
    const request = { ...golden.request, diffusion: { ...golden.request.diffusion, numFrames: 9 } }
    await expect(pipeline.run(request, idleContext)).rejects.toThrow(/exported for films of 5 frames, got 9/)
  })
})
