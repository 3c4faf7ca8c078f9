import type { GraphIndex } from '../../onnx-proto/graph-index.ts'
import type { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import type { OnnxNode } from '../../onnx-proto/onnx-node.ts'
import type { OnnxTensor } from '../../onnx-proto/onnx-tensor.ts'

/** Multi-head attention written out in single operators, without mask. All values are [batch, tokens, heads · width]. */
export interface WrittenOutAttention {
  query: string
  key: string
  value: string
  /** The last node, a Reshape. */
  last: OnnxNode
  output: string
  heads: number
}

const SPLIT_HEADS = [0, 2, 1, 3]
const SPLIT_HEADS_TURNED = [0, 2, 3, 1]
const TURN_LAST = [0, 1, 3, 2]

/**
 * Finds attention as PyTorch's exporters write it: Reshape and Transpose of each projection, MatMul, Softmax, MatMul, Transpose, Reshape, with
 * a scale on one or both factors or on the product. Anything between product and Softmax other than a scale (a mask, a bias) is not matched.
 */
export function findAttentions(model: OnnxModel, index: GraphIndex): WrittenOutAttention[] {
  return model.nodes.flatMap((node) => (node.opType === 'Softmax' ? (matchAround(node, index) ?? []) : []))
}

function matchAround(softmax: OnnxNode, index: GraphIndex): WrittenOutAttention[] | undefined {
  const axis = softmax.integer('axis') ?? -1
  const scores = skipScale(softmax.inputs[0], index)
  const reader = index.soleConsumer(softmax.outputs[0])
  // Older exporters leave a conversion behind that changes nothing in float32.
  const weights = reader?.opType === 'Cast' ? reader.outputs[0] : softmax.outputs[0]
  const product = index.soleConsumer(weights)
  if ((axis !== -1 && axis !== 3) || scores?.opType !== 'MatMul' || product?.opType !== 'MatMul') return undefined
  if (product.inputs[0] !== weights) return undefined
  const query = splitFrom(skipScale(scores.inputs[0], index), index)
  const key = turnedFrom(skipScale(scores.inputs[1], index), index)
  const value = splitFrom(index.producer(product.inputs[1]), index)
  const joined = index.soleConsumer(product.outputs[0])
  const last = index.soleConsumer(joined?.outputs[0])
  if (!query || !key || !value || !isTranspose(joined, SPLIT_HEADS) || last?.opType !== 'Reshape') return undefined
  const heads = [query, key, value].map(({ reshape }) => readHeads(reshape, index))
  if (heads[0] === undefined || heads.some((count) => count !== heads[0])) return undefined
  return [{ query: query.source, key: key.source, value: value.source, last, output: last.outputs[0]!, heads: heads[0] }]
}

/** Scales are found by their place and proved by running both forms. */
function skipScale(value: string | undefined, index: GraphIndex): OnnxNode | undefined {
  const node = index.producer(value)
  if (node?.opType !== 'Mul' && node?.opType !== 'Div') return node
  const factors = node.inputs.map((input) => index.producer(input))
  return factors.find((factor) => factor?.opType === 'MatMul' || factor?.opType === 'Transpose')
}

interface SplitHeads {
  source: string
  reshape: OnnxNode
}

/** [batch, tokens, heads · width] made [batch, heads, tokens, width]. */
function splitFrom(transpose: OnnxNode | undefined, index: GraphIndex, permutation = SPLIT_HEADS): SplitHeads | undefined {
  if (!isTranspose(transpose, permutation)) return undefined
  const reshape = index.producer(transpose.inputs[0])
  const source = reshape?.inputs[0]
  return reshape?.opType === 'Reshape' && source !== undefined ? { source, reshape } : undefined
}

/** The same, turned for the product with the query: [batch, heads, width, tokens]. */
function turnedFrom(transpose: OnnxNode | undefined, index: GraphIndex): SplitHeads | undefined {
  if (isTranspose(transpose, TURN_LAST)) return splitFrom(index.producer(transpose.inputs[0]), index)
  return splitFrom(transpose, index, SPLIT_HEADS_TURNED)
}

function isTranspose(node: OnnxNode | undefined, permutation: readonly number[]): node is OnnxNode {
  return node?.opType === 'Transpose' && String(node.integers('perm')) === String(permutation)
}

/** The third size of a Reshape to [batch, tokens, heads, width]. */
function readHeads(reshape: OnnxNode, index: GraphIndex): number | undefined {
  const shape = index.constant(reshape.inputs[1])
  const heads = shape === undefined ? readConcatenated(index.producer(reshape.inputs[1]), index) : readInteger(shape, 2, 4)
  return heads !== undefined && heads > 0 ? heads : undefined
}

function readConcatenated(concat: OnnxNode | undefined, index: GraphIndex): number | undefined {
  if (concat?.opType !== 'Concat' || concat.inputs.length !== 4) return undefined
  const part = index.constant(concat.inputs[2])
  return part && readInteger(part, 0, 1)
}

function readInteger(tensor: OnnxTensor, position: number, length: number): number | undefined {
  const bytes = tensor.rawBytes
  if (tensor.dtype !== 'int64' || bytes?.length !== length * 8) return undefined
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigInt64(position * 8, true))
}
