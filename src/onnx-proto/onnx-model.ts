import { DiffgentorError } from '../errors.ts'
import { dataTypeName, dataTypeNumber, type GraphDataType } from './data-types.ts'
import { DIM, GRAPH, MODEL, OPSET, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO } from './field-numbers.ts'
import { OnnxNode } from './onnx-node.ts'
import { OnnxTensor } from './onnx-tensor.ts'
import { ProtoMessage } from './proto-message.ts'
import { namingFile, scanModel } from './scan-model.ts'

/** What a graph takes or gives under a name. */
export interface ValueSignature {
  name: string
  dtype: GraphDataType
  /** Numbers are fixed, strings are symbols (empty: unnamed). A graph without a recorded shape has none. */
  dims: readonly (number | string)[]
}

/** A model whose nodes, tensors and values can be changed and written again. */
export class OnnxModel {
  /** The file it was read from; undefined for one made here. */
  readonly file: string | undefined
  readonly message: ProtoMessage
  readonly graph: ProtoMessage
  /** In the order of the graph. Changes take effect when encoded. */
  nodes: OnnxNode[]
  readonly initializers: Map<string, OnnxTensor>

  constructor(message: ProtoMessage, file?: string) {
    const graph = message.message(MODEL.graph)
    if (graph === undefined) throw new DiffgentorError('model_unreadable', `${file ?? 'The model'} holds no ONNX graph.`)
    this.file = file
    this.message = message
    this.graph = graph
    this.nodes = graph.messages(GRAPH.node).map((node) => new OnnxNode(node))
    this.initializers = new Map(
      graph.messages(GRAPH.initializer).map((tensor) => {
        const initializer = new OnnxTensor(tensor)
        return [initializer.name, initializer]
      }),
    )
  }

  /** Reads a model without the data of its large initializers. */
  static async read(file: string): Promise<OnnxModel> {
    const message = await scanModel(file)
    return namingFile(file, () => new OnnxModel(message, file))
  }

  /** An empty graph for the given opset versions by domain (empty: the standard operators). */
  static create(opsets: Readonly<Record<string, number>> = { '': 18 }): OnnxModel {
    const message = new ProtoMessage()
    message.setInteger(MODEL.irVersion, 10)
    const graph = new ProtoMessage()
    graph.setText(GRAPH.name, 'graph')
    message.setMessages(MODEL.graph, [graph])
    const model = new OnnxModel(message)
    for (const [domain, version] of Object.entries(opsets)) model.importOpset(domain, version)
    return model
  }

  /** Opset versions by domain; empty for the standard operators. */
  get opsets(): Map<string, number> {
    return new Map(
      this.message.messages(MODEL.opsetImport).map((entry) => {
        const domain = entry.text(OPSET.domain)
        return [domain === 'ai.onnx' ? '' : domain, entry.integer(OPSET.version)]
      }),
    )
  }

  /** Declares a domain of operators unless the model already has it. */
  importOpset(domain: string, version: number): void {
    if (this.opsets.has(domain)) return
    const entry = new ProtoMessage()
    if (domain !== '') entry.setText(OPSET.domain, domain)
    entry.setInteger(OPSET.version, version)
    this.message.setMessages(MODEL.opsetImport, [...this.message.messages(MODEL.opsetImport), entry])
  }

  /** Inputs that must be fed; those with an initializer cannot be fed through the runtime's JavaScript binding. */
  get inputs(): ValueSignature[] {
    return this.#values(GRAPH.input).filter(({ name }) => !this.initializers.has(name))
  }

  get outputs(): ValueSignature[] {
    return this.#values(GRAPH.output)
  }

  addInput(value: ValueSignature): void {
    this.#addValue(GRAPH.input, value)
  }

  addOutput(value: ValueSignature): void {
    this.#addValue(GRAPH.output, value)
  }

  /** Adds an initializer, or puts it in the place of the one with that name. */
  setInitializer(tensor: OnnxTensor): void {
    this.initializers.set(tensor.name, tensor)
  }

  /** The model as a file's bytes. Tensors that still lie in a file must have been moved out. */
  encode(): Uint8Array {
    this.graph.setMessages(
      GRAPH.node,
      this.nodes.map((node) => node.message),
    )
    this.graph.setMessages(
      GRAPH.initializer,
      [...this.initializers.values()].map((tensor) => tensor.message),
    )
    return this.message.encode()
  }

  #values(field: number): ValueSignature[] {
    return this.graph.messages(field).map(readValue)
  }

  #addValue(field: number, value: ValueSignature): void {
    this.graph.setMessages(field, [...this.graph.messages(field), writeValue(value)])
  }
}

function readValue(value: ProtoMessage): ValueSignature {
  const tensor = value.message(VALUE_INFO.type)?.message(TYPE.tensor)
  const dims = tensor?.message(TENSOR_TYPE.shape)?.messages(SHAPE.dim) ?? []
  return {
    name: value.text(VALUE_INFO.name),
    dtype: dataTypeName(tensor?.integer(TENSOR_TYPE.elementType) ?? 0),
    dims: dims.map((dim) => (dim.has(DIM.value) ? dim.integer(DIM.value) : dim.text(DIM.param))),
  }
}

function writeValue({ name, dtype, dims }: ValueSignature): ProtoMessage {
  const shape = new ProtoMessage()
  shape.setMessages(
    SHAPE.dim,
    dims.map((size) => {
      const dim = new ProtoMessage()
      if (typeof size === 'number') dim.setInteger(DIM.value, size)
      else dim.setText(DIM.param, size)
      return dim
    }),
  )
  const tensor = new ProtoMessage()
  tensor.setInteger(TENSOR_TYPE.elementType, dataTypeNumber(dtype))
  tensor.setMessages(TENSOR_TYPE.shape, [shape])
  const type = new ProtoMessage()
  type.setMessages(TYPE.tensor, [tensor])
  const value = new ProtoMessage()
  value.setText(VALUE_INFO.name, name)
  value.setMessages(VALUE_INFO.type, [type])
  return value
}
