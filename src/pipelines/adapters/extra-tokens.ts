import { DiffgentorError } from '../../errors.ts'
import type { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../onnx-proto/onnx-node.ts'
import { OnnxTensor } from '../../onnx-proto/onnx-tensor.ts'

/** The input that carries the vectors of tokens beyond the vocabulary: [count, width]. */
export const EXTRA_TOKENS_INPUT = 'extra_token_vectors'

/** The token table of a text encoder. */
export interface TokenTable {
  /** Tokens that the encoder knows; extra ones are numbered from here. */
  size: number
  width: number
}

/** Finds the token table of a text encoder graph. */
export function findTokenTable(model: OnnxModel): TokenTable {
  const [size = 0, width = 0] = model.initializers.get(tableNode(model).inputs[0] ?? '')?.dims ?? []
  return { size, width }
}

/**
 * Lets a text encoder look up ids beyond its table in an input of the graph, so that learned tokens change without loading it again. Everything
 * else sees such ids as 0: exports of CLIP with the old `eos_token_id` 2 pool at the greatest id, which a learned token must not become.
 */
export function addExtraTokens(model: OnnxModel): void {
  const table = tableNode(model)
  const { size, width } = findTokenTable(model)
  const ids = model.inputs.find(({ name }) => /ids|tokens/.test(name)) ?? model.inputs[0]
  const looked = table.outputs[0]
  const stored = model.initializers.get(table.inputs[0] ?? '')
  if (ids === undefined || looked === undefined || stored === undefined) throw noTable(model)
  const [known, extra] = ['known_ids', 'extra_ids'].map((name) => `${ids.name}/${name}`) as [string, string]
  const place = (node: OnnxNode) => ({ node, inputs: node.inputs.map((name) => (name === ids.name ? known : name)) })
  for (const { node, inputs } of model.nodes.map(place)) if (inputs.includes(known)) node.inputs = inputs
  const plain = `${looked}/known`
  table.outputs = [plain]
  model.setInitializer(idConstant('extra_tokens/size', ids.dtype, size))
  model.setInitializer(idConstant('extra_tokens/zero', ids.dtype, 0))
  model.setInitializer(OnnxTensor.create('extra_tokens/axis', 'int64', [1], new Uint8Array(BigInt64Array.of(-1n).buffer)))
  model.addInput({ name: EXTRA_TOKENS_INPUT, dtype: stored.dtype === 'float16' ? 'float16' : 'float32', dims: ['', width] })
  const step = (opType: string, inputs: readonly string[], output: string) =>
    OnnxNode.create({ name: output, opType, inputs, outputs: [output] })
  const before = [
    step('GreaterOrEqual', [ids.name, 'extra_tokens/size'], 'extra_tokens/is_extra'),
    step('Where', ['extra_tokens/is_extra', 'extra_tokens/zero', ids.name], known),
    step('Sub', [ids.name, 'extra_tokens/size'], 'extra_tokens/shifted'),
    step('Where', ['extra_tokens/is_extra', 'extra_tokens/shifted', 'extra_tokens/zero'], extra),
    step('Gather', [EXTRA_TOKENS_INPUT, extra], 'extra_tokens/vectors'),
    step('Unsqueeze', ['extra_tokens/is_extra', 'extra_tokens/axis'], 'extra_tokens/mask'),
  ]
  const choose = step('Where', ['extra_tokens/mask', 'extra_tokens/vectors', plain], looked)
  model.nodes = [...before, ...model.nodes.flatMap((node) => (node === table ? [node, choose] : [node]))]
}

function tableNode(model: OnnxModel): OnnxNode {
  const lookups = model.nodes.filter(
    ({ opType, inputs }) => opType === 'Gather' && model.initializers.get(inputs[0] ?? '')?.dims.length === 2,
  )
  const named = lookups.find(({ name, inputs }) => /token_embedding|embed_tokens|word_embeddings/.test(`${name} ${inputs[0]}`))
  if (named === undefined) throw noTable(model)
  return named
}

function noTable(model: OnnxModel): DiffgentorError {
  return new DiffgentorError(
    'unsupported',
    `The text encoder ${model.file ?? ''} has no plain token table, so textual inversions cannot be added to it.`,
    {
      field: 'embeddings',
    },
  )
}

function idConstant(name: string, dtype: string, value: number): OnnxTensor {
  const array = dtype === 'int32' ? Int32Array.of(value) : BigInt64Array.of(BigInt(value))
  return OnnxTensor.create(name, dtype === 'int32' ? 'int32' : 'int64', [], new Uint8Array(array.buffer))
}
