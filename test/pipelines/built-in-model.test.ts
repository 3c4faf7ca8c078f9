import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeModel, openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { EMOJI_FOLDER, EMOJI_TOLERANCE, listEmojiCases, measureEmoji } from '../support/emoji-goldens.ts'

describe('the built-in model', () => {
  let pipeline: Pipeline
  beforeAll(async () => {
    pipeline = await openPipeline({ folder: EMOJI_FOLDER })
  })
  afterAll(async () => {
    await pipeline[Symbol.asyncDispose]()
  })

  it.each(listEmojiCases())('draws %s as diffusers does', { timeout: 60_000 }, async (name) => {
    const { latents, meanLevels } = await measureEmoji(pipeline, name)
    expect(latents).toBeLessThan(EMOJI_TOLERANCE.latents)
    expect(meanLevels).toBeLessThan(EMOJI_TOLERANCE.meanLevels)
  })

  it('tells the defaults and the one size of its folder', async () => {
    const { defaults, capabilities } = await describeModel(EMOJI_FOLDER)
    expect(defaults).toMatchObject({ numInferenceSteps: 16, guidanceScale: 2, width: 256, height: 256 })
    expect(capabilities.sizes?.only).toEqual(['256x256'])
  })
})
