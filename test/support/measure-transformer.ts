import type { Pipeline } from '../../src/pipelines/index.ts'
import { type Deviation, measureDeviation } from './measure-deviation.ts'
import type { NpyArray } from './read-npy.ts'
import { readArray, readTransformerCases, type TransformerCase } from './transformer-goldens.ts'
import type { TransformerSuite } from './transformer-suites.ts'

/** The recorded cases of a suite. */
export function casesOf({ model, cases = () => true }: TransformerSuite): TransformerCase[] {
  return readTransformerCases(model).filter(cases)
}

/** Draws a recorded case and measures how far it lies from diffusers'. */
export async function measureTransformer(
  pipeline: Pipeline,
  suite: TransformerSuite,
  golden: TransformerCase,
): Promise<Deviation> {
  const { finalLatents = (of: TransformerCase) => readArray(of, 'final_latents'), latentsOnly = () => false } = suite
  const { request } = golden
  const { images } = await pipeline.run(request, { signal: new AbortController().signal })
  const pixels = latentsOnly(golden) ? undefined : asBatch(readArray(golden, 'image'))
  return measureDeviation(images[0]!, 0, asBatch(finalLatents(golden)), pixels)
}

/** A single array as the only one of a batch, whatever its rank. */
function asBatch({ shape, values }: NpyArray): NpyArray {
  return { shape: [1, ...shape.slice(-3)], values }
}
