import { join } from 'node:path'
import type { DiskCache } from '../../disk-cache/disk-cache.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import { OnnxSession, openOptimizedCopy, type SessionOptions } from '../../onnx-runtime/index.ts'
import { withFusedAttention } from '../adapters/graph-changes.ts'
import { OPTIMIZED_GRAPHS } from '../cache-folders.ts'
import { memoryOf } from '../folder/weight-sizes.ts'
import type { PipelineOptions } from '../pipeline.ts'
import { readGraphState } from './graph-state.ts'

/** Changes when graphs are rewritten in another way before they are optimized, so that older copies are not used. */
const REWRITING = 'fused-attention 1'

export interface OpenOnCpuOptions extends Pick<PipelineOptions, 'cacheFolder' | 'compile'> {
  cache: DiskCache
}

/** How stored graphs are opened on a CPU: with fused attention, and from an optimized copy where copies are kept. */
export function openOnCpu({ cacheFolder, compile = true, cache }: OpenOnCpuOptions) {
  return async (signature: GraphSignature, session: SessionOptions): Promise<OnnxSession> => {
    const source = () => withFusedAttention(signature.file)
    if (!cacheFolder || !compile) return await OnnxSession.open(await source(), session)
    return await openOptimizedCopy({
      folder: join(cacheFolder, OPTIMIZED_GRAPHS),
      cache,
      identity: [REWRITING, await readGraphState(signature)],
      weightBytes: memoryOf(signature),
      packed: !holdsGraphs(signature),
      source,
      session,
    })
  }
}

/** Whether an operator of the graph runs a graph of its own. */
function holdsGraphs({ operators }: GraphSignature): boolean {
  return ['If', 'Loop', 'Scan'].some((type) => operators.get('')?.has(type))
}
