import { GRAPH } from './field-numbers.ts'
import type { OnnxModel } from './onnx-model.ts'
import { OnnxNode } from './onnx-node.ts'
import type { OnnxTensor } from './onnx-tensor.ts'
import type { ProtoMessage } from './proto-message.ts'

/** Who makes and who reads each value of a graph, as it stands when the index is made. */
export class GraphIndex {
  readonly #model: OnnxModel
  readonly #producers = new Map<string, OnnxNode>()
  readonly #consumers = new Map<string, OnnxNode[]>()
  readonly #outputs: ReadonlySet<string>

  constructor(model: OnnxModel) {
    this.#model = model
    this.#outputs = new Set(model.outputs.map(({ name }) => name))
    for (const node of model.nodes) {
      for (const output of node.outputs) this.#producers.set(output, node)
      for (const input of node.inputs) {
        const readers = this.#consumers.get(input)
        if (readers === undefined) this.#consumers.set(input, [node])
        else readers.push(node)
      }
    }
  }

  producer(value: string | undefined): OnnxNode | undefined {
    return value === undefined ? undefined : this.#producers.get(value)
  }

  /** The node that reads a value, when it is the only one and the value does not leave the graph. */
  soleConsumer(value: string | undefined): OnnxNode | undefined {
    const readers = this.#consumers.get(value ?? '') ?? []
    return readers.length === 1 && !this.#outputs.has(value ?? '') ? readers[0] : undefined
  }

  /** A value known without running the graph: an initializer or the value of a Constant node. */
  constant(value: string | undefined): OnnxTensor | undefined {
    if (value === undefined) return undefined
    const producer = this.#producers.get(value)
    return producer?.opType === 'Constant' ? producer.tensor('value') : this.#model.initializers.get(value)
  }

  /** Sizes of a stored weight, also where it is converted, dequantized or transposed before it is used. */
  weightDims(value: string | undefined): readonly number[] | undefined {
    const stored = this.constant(value)
    if (stored !== undefined) return stored.dims
    const producer = this.producer(value)
    if (producer === undefined) return undefined
    if (CONVERSIONS.has(producer.opType)) return this.weightDims(producer.inputs[0])
    return producer.opType === 'Transpose' ? this.weightDims(producer.inputs[0])?.toReversed() : undefined
  }
}

const CONVERSIONS = new Set(['Identity', 'Cast', 'DequantizeLinear'])

/** Takes out nodes whose results nobody reads, and initializers that only they read. */
export function removeUnused(model: OnnxModel): void {
  const used = new Set(model.outputs.map(({ name }) => name))
  const kept = model.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((output) => used.has(output))) return false
    // Subgraphs may read any value of the graph around them.
    for (const input of [...node.inputs, ...node.subgraphs().flatMap(readValues)]) used.add(input)
    return true
  })
  model.nodes = kept.toReversed()
  for (const name of model.initializers.keys()) if (!used.has(name)) model.initializers.delete(name)
}

function readValues(graph: ProtoMessage): string[] {
  return graph.messages(GRAPH.node).flatMap((message) => {
    const node = new OnnxNode(message)
    return [...node.inputs, ...node.subgraphs().flatMap(readValues)]
  })
}
