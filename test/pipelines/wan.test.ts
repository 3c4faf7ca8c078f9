import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { readFloats } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'
import { writeNearestUpscaler } from '../support/nearest-upscaler.ts'
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

  it('draws the frames of diffusers', async () => {
    const { images } = await pipeline.run(golden.request, idleContext)
    const expected = readNpy(join(golden.folder, 'final_latents.npy')).values
    const drawn = readFloats(images[0]!.latents!)
    expect(drawn.length).toBe(expected.length)
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
    const difference = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - drawn[i]!)), 0)
    expect(difference).toBeLessThanOrEqual(LATENTS * largest)

    const frames = images[0]?.frames ?? []
    const { shape, values } = readNpy(join(golden.folder, 'frames.npy'))
    expect(frames.map(({ height, width, channels }) => [height, width, channels])).toEqual(
      new Array(shape[0]).fill(shape.slice(1)),
    )
    const pixels = frames.flatMap((frame) => [...frame.pixels])
    expect(values.every((value, i) => Math.abs(value - pixels[i]!) <= 1)).toBe(true)
    expect(images[0]?.picture).toBe(frames[0])
  })

  it('enlarges every frame', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'upscaler-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const upscale = join(folder, 'nearest.onnx')
    await writeNearestUpscaler(upscale, 2)
    const { images } = await pipeline.run({ ...golden.request, diffusion: { ...golden.request.diffusion, upscale } }, idleContext)
    expect(images[0]?.frames?.map(({ width, height }) => [width, height])).toEqual(new Array(5).fill([192, 128]))
  })

  it('tells how long its films are', () => {
    expect(pipeline.description.capabilities.video).toEqual({ frameMultiple: 4, minFrames: 5, maxFrames: 5, framesPerSecond: 16 })
  })

  it('refuses a number of frames that its decoder was not exported for', async () => {
    const request = { ...golden.request, diffusion: { ...golden.request.diffusion, numFrames: 9 } }
    await expect(pipeline.run(request, idleContext)).rejects.toThrow(/exported for films of 5 frames, got 9/)
  })
})
