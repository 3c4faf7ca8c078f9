import type { GraphDataType } from '../../onnx-proto/data-types.ts'
import type { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import type { OnnxNode } from '../../onnx-proto/onnx-node.ts'

/** How a weight is stored: `in-out` is transposed against PyTorch's Linear, `out-in` is not. */
export type WeightLayout = 'in-out' | 'out-in'

/** A float weight as it is stored. */
export interface PlainWeight {
  name: string
  dims: readonly number[]
  layout: WeightLayout
  /** The node that reads it: the module's own, or a Transpose before that. */
  reader: OnnxNode
}

/** A place in a graph where a Linear or Conv2d module of the original network does its work. */
export interface ModuleSite {
  /** Path in the original network, such as `mid_block.attentions.0.proj_in`. */
  path: string
  kind: 'linear' | 'convolution'
  node: OnnxNode
  /** The values that go in and come out of the weight's product; a bias may follow. */
  input: string
  output: string
  /** Absent when the weight is quantized or converted on the way. */
  weight?: PlainWeight | undefined
  /** Element type of the activations. */
  dtype: GraphDataType
}

/** Operators that multiply by a weight, and where the weight and the activations stand among their inputs. */
const WEIGHTED: Readonly<Record<string, { kind: ModuleSite['kind']; weightAt: number }>> = {
  MatMul: { kind: 'linear', weightAt: 1 },
  Gemm: { kind: 'linear', weightAt: 1 },
  MatMulNBits: { kind: 'linear', weightAt: 1 },
  MatMulInteger: { kind: 'linear', weightAt: 1 },
  DynamicQuantizeMatMul: { kind: 'linear', weightAt: 1 },
  Conv: { kind: 'convolution', weightAt: 1 },
}

/** Operators that only reshape or convert a stored weight. */
const PASSED_THROUGH = new Set(['Transpose', 'Cast', 'DequantizeLinear', 'Identity'])

/**
 * Finds the modules of the original network in an export. Exports by TorchScript keep module paths in node names and rename the weights of
 * linear layers; those by dynamo keep them in the names of weights.
 */
export function findModuleSites(model: OnnxModel): ModuleSite[] {
  const producers = new Map(model.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const usual = mostlyUsedType(model)
  return model.nodes.flatMap((node) => {
    const rule = WEIGHTED[node.opType]
    if (rule === undefined) return []
    const weight = traceWeight(model, producers, node, rule.weightAt)
    if (weight === undefined) return []
    const path = modulePath(node, weight.name)
    if (path === undefined) return []
    return [
      {
        path,
        kind: rule.kind,
        node,
        ...traceValues(model, producers, node),
        weight: plainWeight(node, weight),
        dtype: weight.dtype ?? usual,
      },
    ]
  })
}

/** Quantized weights do not tell in which precision the rest of the graph computes; the other weights do. */
function mostlyUsedType(model: OnnxModel): GraphDataType {
  const sums = new Map<GraphDataType, number>()
  for (const { dtype, dims } of model.initializers.values()) {
    if (dtype !== 'float32' && dtype !== 'float16') continue
    sums.set(dtype, (sums.get(dtype) ?? 0) + dims.reduce((product, size) => product * size, 1))
  }
  return (sums.get('float16') ?? 0) > (sums.get('float32') ?? 0) ? 'float16' : 'float32'
}

interface TracedWeight {
  name: string
  dims: readonly number[]
  /** Whether Transpose stood between the stored weight and the product. */
  transposed: boolean
  reader: OnnxNode
  /** Whether the stored values themselves are multiplied. */
  isPlain: boolean
  /** Type in which it is multiplied, where that is a float. */
  dtype: GraphDataType | undefined
}

function traceWeight(
  model: OnnxModel,
  producers: ReadonlyMap<string, OnnxNode>,
  node: OnnxNode,
  weightAt: number,
): TracedWeight | undefined {
  let name = node.inputs[weightAt] ?? ''
  let transposed = false
  let reader = node
  let isPlain = true
  for (let hops = 0; hops < 4; hops++) {
    const stored = model.initializers.get(name)
    if (stored !== undefined) {
      const isFloat = isPlain && (stored.dtype === 'float32' || stored.dtype === 'float16')
      return { name, dims: stored.dims, transposed, reader, isPlain: isFloat, dtype: isFloat ? stored.dtype : undefined }
    }
    const producer = producers.get(name)
    if (producer === undefined || !PASSED_THROUGH.has(producer.opType)) return undefined
    if (producer.opType === 'Transpose') transposed = !transposed
    if (producer.opType === 'DequantizeLinear' || producer.opType === 'Cast') isPlain = false
    reader = producer
    name = producer.inputs[0] ?? ''
  }
  return undefined
}

/** The name of a kept parameter tells the path; else the node's scope does. */
function modulePath(node: OnnxNode, weight: string): string | undefined {
  const kept = /^([A-Za-z_][\w]*(?:\.[\w]+)+)\.weight(?:_quantized|_fp16|_Q4G?\d*)?$/.exec(weight)?.[1]
  if (kept !== undefined) return kept
  const scopes = node.name.split('/').filter((scope) => scope !== '')
  return scopes.length < 2 ? undefined : scopes.slice(0, -1).join('.')
}

function plainWeight(node: OnnxNode, { name, dims, transposed, reader, isPlain }: TracedWeight): ModuleSite['weight'] {
  if (!isPlain || !['MatMul', 'Gemm', 'Conv'].includes(node.opType)) return undefined
  const isOutIn = node.opType === 'Conv' || (node.opType === 'Gemm' && node.integer('transB') === 1) !== transposed
  return { name, dims, layout: isOutIn ? 'out-in' : 'in-out', reader }
}

/** An integer product stands between the quantization of its input and the scaling of its result. */
function traceValues(
  model: OnnxModel,
  producers: ReadonlyMap<string, OnnxNode>,
  node: OnnxNode,
): Pick<ModuleSite, 'input' | 'output'> {
  const [input = ''] = node.inputs
  const [output = ''] = node.outputs
  if (node.opType !== 'MatMulInteger') return { input, output }
  const quantizer = producers.get(input)
  const cast = model.nodes.find((other) => other.opType === 'Cast' && other.inputs[0] === output)
  const scaled = model.nodes.find((other) => other.opType === 'Mul' && other.inputs.includes(cast?.outputs[0] ?? ''))
  return { input: quantizer?.inputs[0] ?? input, output: scaled?.outputs[0] ?? output }
}
