import { join } from 'node:path'
import { DiskCache } from '../disk-cache/disk-cache.ts'
import type { PipelineOptions } from './pipeline.ts'

/** Optimized copies of graphs, within the cache folder. */
export const OPTIMIZED_GRAPHS = 'optimized-graphs'

/** Weights that LoRAs were merged into, within the cache folder. */
export const MERGED_WEIGHTS = 'merged-weights'

/** The cache that a pipeline's folders make up together. */
export function openCache({ cacheFolder, embeddingFolder, cacheLimitBytes }: PipelineOptions): DiskCache {
  const graphs = cacheFolder === undefined ? [] : [OPTIMIZED_GRAPHS, MERGED_WEIGHTS].map((name) => join(cacheFolder, name))
  const folders = embeddingFolder === undefined ? graphs : [...graphs, embeddingFolder]
  return new DiskCache({ folders, limitBytes: cacheLimitBytes ?? Number.POSITIVE_INFINITY })
}
