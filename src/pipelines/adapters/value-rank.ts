import type { GraphIndex } from '../../onnx-proto/graph-index.ts'
import type { OnnxModel } from '../../onnx-proto/onnx-model.ts'

/** Operators whose result has as many axes as their first input, where that is a value and no weight. */
const KEEPS_RANK = new Set(['MatMul', 'Add', 'Mul', 'Div', 'Cast', 'Identity', 'LayerNormalization'])

/** How far a value is followed back. */
const HOPS = 8

/** How many axes a value has, as far as a Reshape or the graph's own inputs tell; undefined where they do not. */
export function findRank(model: OnnxModel, index: GraphIndex, value: string): number | undefined {
  let name: string | undefined = value
  for (let hops = 0; name !== undefined && hops < HOPS; hops++) {
    const node = index.producer(name)
    if (node === undefined) return model.inputs.find((input) => input.name === name)?.dims.length
    if (node.opType === 'Reshape') return countSizes(index, node.inputs[1])
    if (!KEEPS_RANK.has(node.opType)) return undefined
    name = node.inputs.find((input) => index.constant(input) === undefined)
  }
  return undefined
}

/** How many sizes the shape of a Reshape has: stored, or put together one by one. */
function countSizes(index: GraphIndex, shape: string | undefined): number | undefined {
  const stored = index.constant(shape)
  if (stored !== undefined) return stored.dims[0]
  const concat = index.producer(shape)
  const parts = concat?.opType === 'Concat' ? concat.inputs : []
  const isOneEach = parts.every((part) => index.constant(part)?.dims[0] === 1 || index.producer(part)?.opType === 'Unsqueeze')
  return parts.length > 0 && isOneEach ? parts.length : undefined
}
