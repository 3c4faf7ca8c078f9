import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import { OnnxSession, openOptimizedCopy, type SessionOptions } from '../../onnx-runtime/index.ts'
import { withFusedAttention } from '../adapters/graph-changes.ts'
import type { PipelineOptions } from '../pipeline.ts'
import { readGraphState } from './graph-state.ts'

/** Changes when graphs are rewritten in another way before they are optimized, so that older copies are not used. */
const REWRITING = 'fused-attention 1'

/** How stored graphs are opened on a CPU: with fused attention, and from an optimized copy where copies are kept. */
export function openOnCpu({ cacheFolder, compile = true }: Pick<PipelineOptions, 'cacheFolder' | 'compile'>) {
  return async (signature: GraphSignature, session: SessionOptions): Promise<OnnxSession> => {
    const source = () => withFusedAttention(signature.file)
    if (!cacheFolder || !compile) return await OnnxSession.open(await source(), session)
    return await openOptimizedCopy({
      folder: cacheFolder,
      identity: [REWRITING, await readGraphState(signature)],
      source,
      session,
    })
  }
}
