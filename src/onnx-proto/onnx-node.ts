import { ATTRIBUTE, NODE } from './field-numbers.ts'
import { OnnxTensor } from './onnx-tensor.ts'
import { ProtoMessage } from './proto-message.ts'
import { FIXED32 } from './wire-format.ts'

/** A value for an attribute of a node that is made here; a number becomes a whole number, `{ float }` a float. */
export type AttributeValue = number | readonly number[] | string | { float: number } | OnnxTensor

export interface NodeDescription {
  name: string
  opType: string
  domain?: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes?: Readonly<Record<string, AttributeValue>>
}

/** A `NodeProto`. Setting inputs or outputs rewrites only those. */
export class OnnxNode {
  readonly message: ProtoMessage
  readonly name: string
  readonly opType: string
  /** Empty for the standard operators. */
  readonly domain: string
  #inputs: readonly string[]
  #outputs: readonly string[]

  constructor(message: ProtoMessage) {
    this.message = message
    this.name = message.text(NODE.name)
    this.opType = message.text(NODE.opType)
    const domain = message.text(NODE.domain)
    this.domain = domain === 'ai.onnx' ? '' : domain
    this.#inputs = message.texts(NODE.input)
    this.#outputs = message.texts(NODE.output)
  }

  static create({ name, opType, domain, inputs, outputs, attributes = {} }: NodeDescription): OnnxNode {
    const message = new ProtoMessage()
    message.setTexts(NODE.input, inputs)
    message.setTexts(NODE.output, outputs)
    message.setText(NODE.name, name)
    message.setText(NODE.opType, opType)
    if (domain !== undefined) message.setText(NODE.domain, domain)
    message.setMessages(
      NODE.attribute,
      Object.entries(attributes).map(([key, value]) => createAttribute(key, value)),
    )
    return new OnnxNode(message)
  }

  /** An empty string stands for an optional input that is left out. */
  get inputs(): readonly string[] {
    return this.#inputs
  }

  set inputs(names: readonly string[]) {
    this.#inputs = names
    this.message.setTexts(NODE.input, names)
  }

  get outputs(): readonly string[] {
    return this.#outputs
  }

  set outputs(names: readonly string[]) {
    this.#outputs = names
    this.message.setTexts(NODE.output, names)
  }

  /** A copy with another name and other wires, and the same attributes and unknown fields. */
  copy(name: string, inputs: readonly string[], outputs: readonly string[]): OnnxNode {
    const message = ProtoMessage.decode(this.message.encode())
    message.setText(NODE.name, name)
    message.setTexts(NODE.input, inputs)
    message.setTexts(NODE.output, outputs)
    return new OnnxNode(message)
  }

  attribute(name: string): ProtoMessage | undefined {
    return this.message.messages(NODE.attribute).find((attribute) => attribute.text(ATTRIBUTE.name) === name)
  }

  integer(name: string): number | undefined {
    return this.attribute(name)?.integer(ATTRIBUTE.integer)
  }

  integers(name: string): number[] | undefined {
    return this.attribute(name)?.integers(ATTRIBUTE.integers)
  }

  float(name: string): number | undefined {
    const bytes = this.attribute(name)?.bytes(ATTRIBUTE.float)
    return bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)
  }

  tensor(name: string): OnnxTensor | undefined {
    const message = this.attribute(name)?.message(ATTRIBUTE.tensor)
    return message === undefined ? undefined : new OnnxTensor(message)
  }

  /** Graphs inside the attributes, as If, Loop and Scan have them. */
  subgraphs(): ProtoMessage[] {
    return this.message
      .messages(NODE.attribute)
      .flatMap((attribute) => [...attribute.messages(ATTRIBUTE.graph), ...attribute.messages(ATTRIBUTE.graphs)])
  }
}

const ATTRIBUTE_TYPES = { float: 1, integer: 2, text: 3, tensor: 4, integers: 7 } as const

function createAttribute(name: string, value: AttributeValue): ProtoMessage {
  const attribute = new ProtoMessage()
  attribute.setText(ATTRIBUTE.name, name)
  if (typeof value === 'number') {
    attribute.setInteger(ATTRIBUTE.integer, value)
    attribute.setInteger(ATTRIBUTE.type, ATTRIBUTE_TYPES.integer)
  } else if (typeof value === 'string') {
    attribute.setText(ATTRIBUTE.text, value)
    attribute.setInteger(ATTRIBUTE.type, ATTRIBUTE_TYPES.text)
  } else if (value instanceof OnnxTensor) {
    attribute.setMessages(ATTRIBUTE.tensor, [value.message])
    attribute.setInteger(ATTRIBUTE.type, ATTRIBUTE_TYPES.tensor)
  } else if ('float' in value) {
    attribute.setBytes(ATTRIBUTE.float, new Uint8Array(Float32Array.of(value.float).buffer), FIXED32)
    attribute.setInteger(ATTRIBUTE.type, ATTRIBUTE_TYPES.float)
  } else {
    attribute.setIntegers(ATTRIBUTE.integers, value)
    attribute.setInteger(ATTRIBUTE.type, ATTRIBUTE_TYPES.integers)
  }
  return attribute
}
