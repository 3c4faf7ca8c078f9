import { dataTypeName, dataTypeNumber, type GraphDataType } from './data-types.ts'
import { ENTRY, TENSOR } from './field-numbers.ts'
import { type FileSpan, ProtoMessage } from './proto-message.ts'

const EXTERNAL = 1

/** Where the proto says that a tensor's bytes lie, untested. */
export interface ExternalLocation {
  /** Relative to the folder of the model file. */
  location: string
  offset: number
  /** Absent: up to the end of the file. */
  length: number | undefined
}

/** A `TensorProto`: an initializer of a graph or the value of a Constant node. */
export class OnnxTensor {
  readonly message: ProtoMessage

  constructor(message: ProtoMessage) {
    this.message = message
  }

  /** A tensor that holds its own little-endian bytes. */
  static create(name: string, dtype: GraphDataType, dims: readonly number[], bytes: Uint8Array): OnnxTensor {
    const message = new ProtoMessage()
    message.setIntegers(TENSOR.dims, dims)
    message.setInteger(TENSOR.dataType, dataTypeNumber(dtype))
    message.setText(TENSOR.name, name)
    message.setBytes(TENSOR.rawData, bytes)
    return new OnnxTensor(message)
  }

  /** A tensor whose little-endian bytes lie in a file. */
  static inFile(name: string, dtype: GraphDataType, dims: readonly number[], span: FileSpan): OnnxTensor {
    const tensor = OnnxTensor.create(name, dtype, dims, new Uint8Array())
    tensor.message.setSpan(TENSOR.rawData, span)
    return tensor
  }

  /** A copy under another name. Its data must have come along with the proto. */
  rename(name: string): OnnxTensor {
    const message = ProtoMessage.decode(this.message.encode())
    message.setText(TENSOR.name, name)
    return new OnnxTensor(message)
  }

  get name(): string {
    return this.message.text(TENSOR.name)
  }

  get dims(): number[] {
    return this.message.integers(TENSOR.dims)
  }

  get dtype(): GraphDataType {
    return dataTypeName(this.message.integer(TENSOR.dataType))
  }

  /** Large raw data that was left in the model file. */
  get span(): FileSpan | undefined {
    return this.message.span(TENSOR.rawData)
  }

  /** Raw bytes that came along with the proto. Undefined when they lie elsewhere or in typed fields. */
  get rawBytes(): Uint8Array | undefined {
    return this.message.bytes(TENSOR.rawData)
  }

  get external(): ExternalLocation | undefined {
    if (this.message.integer(TENSOR.dataLocation) !== EXTERNAL) return undefined
    const entries = new Map(
      this.message.messages(TENSOR.externalData).map((entry) => [entry.text(ENTRY.key), entry.text(ENTRY.value)]),
    )
    const length = entries.get('length')
    return {
      location: entries.get('location') ?? '',
      offset: Number(entries.get('offset') ?? 0),
      length: length === undefined ? undefined : Number(length),
    }
  }

  /** Points at a data file and drops whatever the tensor held itself. */
  setExternal(location: string, offset: number, length: number): void {
    for (const field of [TENSOR.rawData, TENSOR.floatData, TENSOR.int32Data, TENSOR.int64Data, TENSOR.doubleData])
      this.message.remove(field)
    const entries = { location, offset: String(offset), length: String(length) }
    this.message.setMessages(
      TENSOR.externalData,
      Object.entries(entries).map(([key, value]) => {
        const entry = new ProtoMessage()
        entry.setText(ENTRY.key, key)
        entry.setText(ENTRY.value, value)
        return entry
      }),
    )
    this.message.setInteger(TENSOR.dataLocation, EXTERNAL)
  }
}
