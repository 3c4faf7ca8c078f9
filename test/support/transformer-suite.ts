import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { ImageRequest } from '../../src/contract/index.ts'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE, measureDeviation } from './compare-goldens.ts'
import { fixturePath } from './fixtures.ts'
import { idleContext } from './golden-suite.ts'
import { type NpyArray, readNpy } from './read-npy.ts'
import { readTransformerCases, type TransformerCase } from './transformer-goldens.ts'

export interface TransformerSuite {
  model: string
  modelType?: string
  cases?: (golden: TransformerCase) => boolean
  /** Changes a request before it is drawn. */
  prepare?: (golden: TransformerCase) => Promise<ImageRequest>
  /** What diffusers recorded at the end, where it is not the last output of the scheduler. */
  finalLatents?: (golden: TransformerCase) => NpyArray
  /** diffusers decodes this case wrongly, so that only latents can be held against it. */
  latentsOnly?: (golden: TransformerCase) => boolean
}

/** Draws every recorded case of a transformer model and holds latents and pixels against diffusers'. */
export function describeTransformer(suite: TransformerSuite): void {
  const { model, modelType, cases = () => true, prepare, finalLatents = readFinalLatents, latentsOnly = () => false } = suite
  describe(`${modelType ?? model} draws as diffusers does`, () => {
    let pipeline: Pipeline
    beforeAll(async () => {
      pipeline = await openPipeline({ folder: fixturePath(`dit/${model}/model`), modelType })
    })
    afterAll(async () => {
      await pipeline[Symbol.asyncDispose]()
    })
    const goldens = readTransformerCases(model).filter(cases)
    it.each(goldens.map((golden) => [golden.name, golden] as const))('%s', async (_name, golden) => {
      const { images } = await pipeline.run((await prepare?.(golden)) ?? golden.request, idleContext)
      const pixels = latentsOnly(golden) ? undefined : asBatch(readArray(golden, 'image'))
      const latents = asBatch(finalLatents(golden))
      const deviation = measureDeviation(images[0]!, 0, latents, pixels)
      if (process.env['DIT_REPORT']) console.error(model, golden.name, deviation)
      expectWithin(deviation, FLOAT32_TOLERANCE)
    })
  })
}

export function readArray({ folder }: TransformerCase, name: string): NpyArray {
  return readNpy(join(folder, `${name}.npy`))
}

function readFinalLatents(golden: TransformerCase): NpyArray {
  return readArray(golden, 'final_latents')
}

/** A single array as the only one of a batch, whatever its rank. */
function asBatch({ shape, values }: NpyArray): NpyArray {
  const last = shape.slice(-3)
  return { shape: [1, ...last], values }
}
