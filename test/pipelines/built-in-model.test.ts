import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GeneratedImage } from '../../src/contract/index.ts'
import { describeModel, openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { measureDeviation } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'
import { type NpyArray, readNpy } from '../support/read-npy.ts'

const FOLDER = fileURLToPath(new URL('../../models/emoji', import.meta.url))
const GOLDENS = fixturePath('emoji-goldens')

/**
 * The recorded runs rounded activations to integers wherever weights are stored as such, so that one unit in the last place of a latent
 * moves later latents by a hundredth. Our arithmetic is float32 throughout, as the graph says: the picture is the same to the eye.
 */
const MEAN_LEVELS = 1.5
const LATENTS = 0.08

interface EmojiCase {
  scheduler: string
  scheduler_overrides: Record<string, unknown>
  prompt: string
  negative_prompt: string
  seed: number
  num_inference_steps: number
  guidance_scale: number
}

function readCase(folder: string): EmojiCase {
  // Python writes infinities into JSON.
  const text = readFileSync(join(folder, 'case.json'), 'utf8').replaceAll(/-?Infinity/g, 'null')
  return JSON.parse(text) as EmojiCase
}

function meanDifference({ picture }: GeneratedImage, { values }: NpyArray): number {
  if (picture.kind !== 'raw') throw new Error('expected raw pixels')
  return picture.pixels.reduce((sum, value, i) => sum + Math.abs(value - values[i]!), 0) / values.length
}

describe('the built-in model', () => {
  let pipeline: Pipeline
  beforeAll(async () => {
    pipeline = await openPipeline({ folder: FOLDER })
  })
  afterAll(async () => {
    await pipeline[Symbol.asyncDispose]()
  })

  it.each(readdirSync(GOLDENS))('draws %s as diffusers does', { timeout: 60_000 }, async (name) => {
    const folder = join(GOLDENS, name)
    const golden = readCase(folder)
    const { images } = await pipeline.run(
      {
        prompt: golden.prompt,
        negativePrompt: golden.negative_prompt,
        numImages: 1,
        seeds: [golden.seed],
        numInferenceSteps: golden.num_inference_steps,
        guidanceScale: golden.guidance_scale,
        diffusion: { scheduler: golden.scheduler, schedulerConfig: golden.scheduler_overrides, saveLatents: true },
      },
      idleContext,
    )
    const latents = readNpy(join(folder, 'latents.npy'))
    const steps = { ...latents, shape: [latents.shape[0]!, 1, ...latents.shape.slice(1)] }
    const { latents: deviation, largestLatent } = measureDeviation(images[0]!, 0, steps)
    expect(deviation / largestLatent).toBeLessThan(LATENTS)
    expect(meanDifference(images[0]!, readNpy(join(folder, 'image.npy')))).toBeLessThan(MEAN_LEVELS)
  })

  it('tells the defaults and the one size of its folder', async () => {
    const { defaults, capabilities } = await describeModel(FOLDER)
    expect(defaults).toMatchObject({ numInferenceSteps: 16, guidanceScale: 2, width: 256, height: 256 })
    expect(capabilities.sizes?.only).toEqual(['256x256'])
  })
})
