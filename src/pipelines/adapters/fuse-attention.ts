import { GraphIndex, removeUnused } from '../../onnx-proto/graph-index.ts'
import type { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../onnx-proto/onnx-node.ts'
import { findAttentions, type WrittenOutAttention } from './attention-pattern.ts'
import { AttentionProof } from './attention-proof.ts'

const DOMAIN = 'com.microsoft'

/**
 * Replaces attention written out in single operators by ONNX Runtime's own operator, which never holds the whole matrix of scores. Each distinct
 * form is first run both ways on made-up input; where the results differ, the original stays. So do graphs in half precision, which round
 * between the operators. Returns how many were replaced.
 */
export async function fuseAttention(model: OnnxModel): Promise<number> {
  const index = new GraphIndex(model)
  const proof = new AttentionProof(model, index)
  const fused = new Map<OnnxNode, OnnxNode>()
  for (const attention of findAttentions(model, index)) {
    const replacement = fusedNode(attention)
    if (await proof.holds(attention, replacement)) fused.set(attention.last, replacement)
  }
  if (fused.size === 0) return 0
  model.nodes = model.nodes.map((node) => fused.get(node) ?? node)
  model.importOpset(DOMAIN, 1)
  removeUnused(model)
  return fused.size
}

/** The scale is left to its default, one over the square root of a head's width. */
function fusedNode({ query, key, value, output, heads }: WrittenOutAttention): OnnxNode {
  return OnnxNode.create({
    name: `${output}/fused_attention`,
    opType: 'MultiHeadAttention',
    domain: DOMAIN,
    inputs: [query, key, value],
    outputs: [output],
    attributes: { num_heads: heads },
  })
}
