import { type GraphDataType, tensorBytes } from './data-types.ts'
import { FUNCTION, GRAPH, MODEL } from './field-numbers.ts'
import { OnnxModel, type ValueSignature } from './onnx-model.ts'
import { OnnxNode } from './onnx-node.ts'
import type { OnnxTensor } from './onnx-tensor.ts'
import type { ProtoMessage } from './proto-message.ts'
import { namingFile } from './scan-model.ts'
import { tornMessage } from './wire-format.ts'

/** Graphs inside graphs: real models have one or two levels. */
const DEPTH_LIMIT = 32

/** One tensor whose bytes lie in a file beside the model. */
export interface ExternalTensor {
  tensor: string
  /** As written in the model, relative to its folder; not yet checked. */
  location: string
  offset: number
  /** As written in the model; absent: up to the end of the file. */
  length: number | undefined
  /** Size that the shape and type ask for; undefined for types without a fixed size. */
  bytes: number | undefined
}

/** What can be known about a graph without its weights. */
export interface GraphSignature {
  file: string
  inputs: readonly ValueSignature[]
  outputs: readonly ValueSignature[]
  /** Version of the standard operators. */
  opset: number
  /** Operator types by domain (empty: standard), those of subgraphs included and those of the model's own functions left out. */
  operators: ReadonlyMap<string, ReadonlySet<string>>
  /** Bytes of all initializers, by element type. */
  initializerBytes: Readonly<Partial<Record<GraphDataType, number>>>
  /** Tensors in data files; the distinct `location`s are the files that the model needs. */
  external: readonly ExternalTensor[]
}

/** Reads inputs, outputs, operators and sizes of a model file; weights are not loaded. */
export async function readGraphSignature(file: string): Promise<GraphSignature> {
  const model = await OnnxModel.read(file)
  return namingFile(file, () => describeGraph(model, file))
}

/** The signature of a model that was read before. */
export function describeGraph(model: OnnxModel, file: string): GraphSignature {
  const initializers = [...model.initializers.values()]
  return {
    file,
    inputs: model.inputs,
    outputs: model.outputs,
    opset: model.opsets.get('') ?? 0,
    operators: collectOperators(model),
    initializerBytes: sumBytes(initializers),
    external: initializers.flatMap((tensor) => describeExternal(tensor)),
  }
}

function describeExternal(tensor: OnnxTensor): ExternalTensor[] {
  const { external } = tensor
  if (external === undefined) return []
  return [{ tensor: tensor.name, ...external, bytes: tensorBytes(tensor.dtype, tensor.dims) }]
}

function sumBytes(tensors: readonly OnnxTensor[]): Partial<Record<GraphDataType, number>> {
  const sums: Partial<Record<GraphDataType, number>> = {}
  for (const { dtype, dims } of tensors) sums[dtype] = (sums[dtype] ?? 0) + (tensorBytes(dtype, dims) ?? 0)
  return sums
}

function collectOperators(model: OnnxModel): Map<string, Set<string>> {
  const functions = model.message.messages(MODEL.functions)
  const local = new Set(functions.map((definition) => `${definition.text(FUNCTION.domain)}:${definition.text(FUNCTION.name)}`))
  const operators = new Map<string, Set<string>>()
  const visit = (nodes: readonly OnnxNode[], depth = 0): void => {
    if (depth > DEPTH_LIMIT) throw tornMessage('its graphs are nested too deeply')
    for (const node of nodes) {
      if (!local.has(`${node.domain}:${node.opType}`)) {
        const types = operators.get(node.domain) ?? new Set()
        operators.set(node.domain, types.add(node.opType))
      }
      for (const graph of node.subgraphs()) visit(openNodes(graph, GRAPH.node), depth + 1)
    }
  }
  visit(model.nodes)
  for (const definition of functions) visit(openNodes(definition, FUNCTION.node))
  return operators
}

function openNodes(message: ProtoMessage, field: number): OnnxNode[] {
  return message.messages(field).map((node) => new OnnxNode(node))
}
