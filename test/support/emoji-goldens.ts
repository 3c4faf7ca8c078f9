import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GeneratedImage } from '../../src/contract/index.ts'
import type { Pipeline } from '../../src/pipelines/index.ts'
import { fixturePath } from './fixtures.ts'
import { measureDeviation } from './measure-deviation.ts'
import { type NpyArray, readNpy } from './read-npy.ts'

export const EMOJI_FOLDER = fileURLToPath(new URL('../../models/emoji', import.meta.url))
const GOLDENS = fixturePath('emoji-goldens')

/**
 * The recorded runs rounded activations to integers wherever weights are stored as such, so that one unit in the last place of a latent
 * moves later latents by a hundredth. Our arithmetic is float32 throughout, as the graph says: the picture is the same to the eye.
 */
export const EMOJI_TOLERANCE = { latents: 0.08, meanLevels: 1.5 }

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

/** Names of the recorded runs of the built-in model. */
export function listEmojiCases(): string[] {
  return readdirSync(GOLDENS)
}

/** Draws a recorded run: the greatest difference of latents as a share of the largest, and the mean one of color values. */
export async function measureEmoji(pipeline: Pipeline, name: string): Promise<{ latents: number; meanLevels: number }> {
  const folder = join(GOLDENS, name)
  const golden = readCase(folder)
  const request = {
    prompt: golden.prompt,
    negativePrompt: golden.negative_prompt,
    numImages: 1,
    seeds: [golden.seed],
    numInferenceSteps: golden.num_inference_steps,
    guidanceScale: golden.guidance_scale,
    diffusion: { scheduler: golden.scheduler, schedulerConfig: golden.scheduler_overrides, saveLatents: true },
  }
  const { images } = await pipeline.run(request, { signal: new AbortController().signal })
  const latents = readNpy(join(folder, 'latents.npy'))
  const steps = { ...latents, shape: [latents.shape[0]!, 1, ...latents.shape.slice(1)] }
  const { latents: deviation, largestLatent } = measureDeviation(images[0]!, 0, steps)
  return { latents: deviation / largestLatent, meanLevels: meanDifference(images[0]!, readNpy(join(folder, 'image.npy'))) }
}

function meanDifference({ picture }: GeneratedImage, { values }: NpyArray): number {
  if (picture.kind !== 'raw') throw new Error('expected raw pixels')
  return picture.pixels.reduce((sum, value, i) => sum + Math.abs(value - values[i]!), 0) / values.length
}
