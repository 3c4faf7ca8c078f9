import { afterAll, beforeAll, describe, it } from 'vitest'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE } from './compare-goldens.ts'
import { fixturePath } from './fixtures.ts'
import { casesOf, measureTransformer } from './measure-transformer.ts'
import type { TransformerSuite } from './transformer-suites.ts'

/** Draws every recorded case of a transformer model and holds latents and pixels against diffusers'. */
export function describeTransformer(suite: TransformerSuite): void {
  const { model, modelType } = suite
  describe(`${modelType ?? model} draws as diffusers does`, () => {
    let pipeline: Pipeline
    beforeAll(async () => {
      pipeline = await openPipeline({ folder: fixturePath(`dit/${model}/model`), modelType })
    })
    afterAll(async () => {
      await pipeline[Symbol.asyncDispose]()
    })
    it.each(casesOf(suite).map((golden) => [golden.name, golden] as const))('%s', async (_name, golden) => {
      expectWithin(await measureTransformer(pipeline, suite, golden), FLOAT32_TOLERANCE)
    })
  })
}
