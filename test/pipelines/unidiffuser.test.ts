import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPipeline, type PictureReader, type Pipeline } from '../../src/pipelines/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'
import { readNpy } from '../support/read-npy.ts'
import { describeTransformer } from '../support/transformer-suite.ts'

describeTransformer({ model: 'unidiffuser', cases: ({ name }) => name.startsWith('prompt2img') })

const FOLDER = fixturePath('dit/unidiffuser/model')
const LATENTS = 5e-5

interface JointCase {
  seed: number
  params: { num_inference_steps: number; guidance_scale: number }
  text: string[]
}

function readCase(name: string) {
  const folder = fixturePath(`dit/unidiffuser/cases/${name}`)
  const { seed, params, text } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as JointCase
  return {
    text: text[0]!,
    drawing: { seed, numInferenceSteps: params.num_inference_steps, guidanceScale: params.guidance_scale },
    image: () => readFileSync(join(folder, 'input_image.png')),
    array: (file: string) => readNpy(join(folder, `${file}.npy`)).values,
  }
}

function deviation(values: ArrayLike<number>, golden: Float64Array): number {
  expect(values.length).toBe(golden.length)
  const largest = golden.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
  return golden.reduce((most, value, i) => Math.max(most, Math.abs(value - values[i]!)), 0) / largest
}

const expectLatents = ({ data }: Tensor, golden: Float64Array) => expect(deviation(data, golden)).toBeLessThanOrEqual(LATENTS)

interface Caption {
  seed: number
  num_inference_steps: number
  guidance_scale: number
  text: string
}

const CAPTIONS = JSON.parse(readFileSync(fixturePath('dit/unidiffuser/captions.json'), 'utf8')) as Caption[]

describe('UniDiffuser', () => {
  let pipeline: Pipeline
  let model: PictureReader
  beforeAll(async () => {
    pipeline = await openPipeline({ folder: FOLDER })
    model = pipeline.reader!
  })
  afterAll(async () => {
    await pipeline[Symbol.asyncDispose]()
  })

  it('describes a picture in the words of diffusers', async () => {
    const golden = readCase('img2prompt')
    const { text, latents } = await model.describe({ image: golden.image(), ...golden.drawing }, idleContext)
    expectLatents(latents, golden.array('final_latents'))
    expect(text).toBe(golden.text)
  })

  it.each(CAPTIONS)('finds the words of diffusers from seed $seed', async ({ text, seed, ...drawing }) => {
    const wish = { seed, numInferenceSteps: drawing.num_inference_steps, guidanceScale: drawing.guidance_scale }
    expect((await model.describe({ image: readCase('img2prompt').image(), ...wish }, idleContext)).text).toBe(text)
  })

  it('draws a picture with its description as diffusers does', async () => {
    const golden = readCase('joint')
    const { text, picture, latents } = await model.drawBoth(golden.drawing, idleContext)
    expectLatents(latents, golden.array('final_latents'))
    expect(text).toBe(golden.text)
    const pixels = golden.array('image')
    expect(picture.pixels.length).toBe(pixels.length)
    expect(picture.pixels.every((value, i) => Math.abs(value - pixels[i]!) <= 1)).toBe(true)
  })

  it('embeds a picture as CLIP and the VAE do', async () => {
    const golden = readCase('img2prompt')
    const { clip, latents, latentShape } = await model.embed(golden.image(), idleContext)
    expect(deviation(clip, golden.array('clip_image_embeds'))).toBeLessThanOrEqual(LATENTS)
    expect(latentShape).toEqual([4, 16, 16])
    expect(deviation(latents, golden.array('vae_moments').subarray(0, latents.length))).toBeLessThanOrEqual(LATENTS)
  })

  it('is no ability of other models', async () => {
    await using other = await openPipeline({ folder: fixturePath('models/sd15-tiny') })
    expect(other.reader).toBeUndefined()
    expect(other.description.readsPictures).toBe(false)
  })
})
