import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { OnnxSession } from '../../src/onnx-runtime/onnx-session.ts'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { readFloats } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'
import { writeNearestUpscaler } from '../support/nearest-upscaler.ts'
import { readNpy } from '../support/read-npy.ts'
import { readTransformerCases } from '../support/transformer-goldens.ts'

const LATENTS = 5e-5

/** The first frame, as values of 0 … 255 in rows of RGB, of a film that goes on with something else: latents [1, 16, 2, 8, 12]. */
async function decodeFirstFrame(latents: Float32Array): Promise<number[]> {
  const folder = fixturePath('dit/wan_t2v/model/vae_decoder')
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
  const plane = 8 * 12
  const data = Float32Array.from({ length: 16 * 2 * plane }, (_, i) => {
    const [channel, at] = [Math.floor(i / (2 * plane)), i % (2 * plane)]
    if (at >= plane) return Math.sin(i)
    return latents[channel * plane + at]! * config.latents_std[channel] + config.latents_mean[channel]
  })
  await using decoder = await OnnxSession.open(join(folder, 'model.onnx'))
  const { sample } = await decoder.run({ latent_sample: { data, shape: [1, 16, 2, 8, 12] } }, ['sample'])
  const [, , frames, height, width] = sample!.shape as [number, number, number, number, number]
  return Array.from({ length: height * width * 3 }, (_, i) => {
    const value = sample!.data[(i % 3) * frames * height * width + Math.floor(i / 3)]!
    return Math.min(255, Math.max(0, Math.round(((value + 1) / 2) * 255)))
  })
}

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

  it('draws fewer frames than its decoder was exported for, and what stands behind them changes nothing', async () => {
    const diffusion = { ...golden.request.diffusion, numFrames: 1, saveLatents: true }
    const { images } = await pipeline.run({ ...golden.request, diffusion }, idleContext)
    const [image] = images
    expect(image?.frames).toEqual([image?.picture])
    const latents = readFloats(image!.latents!)
    expect(latents).toHaveLength(16 * 8 * 12)
    const { pixels } = image!.frames![0]!
    const decoded = await decodeFirstFrame(latents)
    expect(decoded).toHaveLength(pixels.length)
    expect(decoded.every((value, i) => Math.abs(value - pixels[i]!) <= 1)).toBe(true)
  })

  it('tells how long its films are', () => {
    expect(pipeline.description.capabilities.video).toEqual({ frameMultiple: 4, minFrames: 1, maxFrames: 5, framesPerSecond: 16 })
  })

  it('refuses a number of frames that its decoder was not exported for', async () => {
    const request = { ...golden.request, diffusion: { ...golden.request.diffusion, numFrames: 9 } }
    await expect(pipeline.run(request, idleContext)).rejects.toThrow(/exported for films of up to 5 frames, got 9/)
  })
})
