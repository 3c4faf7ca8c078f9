import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE, measureDeviation, type Tolerance } from './compare-goldens.ts'
import { fixturePath } from './fixtures.ts'
import { type GoldenCase, readGolden, readGoldenCases } from './golden-cases.ts'

/** A folder with all of a model and some parts of another. */
function joinFolders(folder: string, { model, parts }: NonNullable<GoldenSuite['sharing']>): string {
  const joined = mkdtempSync(join(tmpdir(), 'joined-'))
  cpSync(folder, joined, { recursive: true })
  for (const part of parts) cpSync(fixturePath(`models/${model}/${part}`), join(joined, part), { recursive: true })
  return joined
}

export const idleContext = { signal: new AbortController().signal }

export interface GoldenSuite {
  model: string
  /** Case names begin with one of these. */
  prefixes: readonly string[]
  /** Parts that the model's folder leaves to another model's. */
  sharing?: { model: string; parts: readonly string[] }
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
  sharing,
  except = () => false,
  tolerance = FLOAT32_TOLERANCE,
}: GoldenSuite): void {
  describe(`${model} draws as diffusers does`, () => {
    let pipeline: Pipeline
    beforeAll(async () => {
      const folder = fixturePath(`models/${model}`)
      pipeline = await openPipeline({ folder: sharing ? joinFolders(folder, sharing) : folder })
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
