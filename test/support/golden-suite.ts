import { afterAll, beforeAll, describe, it } from 'vitest'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE, measureDeviation, type Tolerance } from './compare-goldens.ts'
import { type GoldenCase, readGolden, readGoldenCases } from './golden-cases.ts'
import { modelFolder } from './model-folders.ts'

export const idleContext = { signal: new AbortController().signal }

export interface GoldenSuite {
  model: string
  /** Case names begin with one of these. */
  prefixes: readonly string[]
  /** Folder of the cases inside the fixtures. Default: `goldens`. */
  root?: string
  /** Cases that need what no setting can ask for, or that are proved elsewhere. */
  except?: (golden: GoldenCase) => boolean
  tolerance?: Tolerance
}

/** Draws every recorded case of a model and holds latents and pixels against diffusers'. */
export function describeGoldens({
  model,
  prefixes,
  root,
  except = () => false,
  tolerance = FLOAT32_TOLERANCE,
}: GoldenSuite): void {
  describe(`${model} draws as diffusers does`, () => {
    let pipeline: Pipeline
    beforeAll(async () => {
      pipeline = await openPipeline({ folder: modelFolder(model) })
    })
    afterAll(async () => {
      await pipeline[Symbol.asyncDispose]()
    })
    const cases = readGoldenCases(prefixes, root).filter((golden) => golden.model === model && !except(golden))
    it.each(cases.map((golden) => [golden.name, golden] as const))('%s', async (_name, golden) => {
      const { images } = await pipeline.run(golden.request, idleContext)
      const latents = readGolden(golden, 'latents')
      const pixels = readGolden(golden, 'image')
      for (const [index, image] of (golden.onlyFirstImage ? images.slice(0, 1) : images).entries()) {
        expectWithin(measureDeviation(image, index, latents, pixels), tolerance)
      }
    })
  })
}
