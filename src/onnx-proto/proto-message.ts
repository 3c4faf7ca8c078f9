import { BYTES, decodeSignedVarint, encodeVarint, VARINT, WireReader, type WireType } from './wire-format.ts'

/** Bytes that stay in a file until someone asks for them. */
export interface FileSpan {
  file: string
  offset: number
  length: number
}

/** One field as it stands on the wire. `value` holds payload bytes, a nested message once opened, or a place in a file. */
export interface ProtoField {
  number: number
  wireType: WireType
  value: Uint8Array | ProtoMessage | FileSpan
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** A message whose fields keep their order and, unless set anew, their bytes; also those that nobody here knows. */
export class ProtoMessage {
  fields: ProtoField[]

  constructor(fields: ProtoField[] = []) {
    this.fields = fields
  }

  static decode(bytes: Uint8Array): ProtoMessage {
    const reader = new WireReader(bytes)
    const fields: ProtoField[] = []
    while (!reader.done) {
      const { number, wireType } = reader.readTag()
      fields.push({ number, wireType, value: reader.readValue(wireType) })
    }
    return new ProtoMessage(fields)
  }

  has(number: number): boolean {
    return this.fields.some((field) => field.number === number)
  }

  /** The last value wins, as protocol buffers say. Absent: undefined. */
  bytes(number: number): Uint8Array | undefined {
    const value = this.fields.findLast((field) => field.number === number)?.value
    return value instanceof Uint8Array ? value : undefined
  }

  span(number: number): FileSpan | undefined {
    const value = this.fields.findLast((field) => field.number === number)?.value
    return value === undefined || value instanceof Uint8Array || value instanceof ProtoMessage ? undefined : value
  }

  integer(number: number): number {
    const bytes = this.bytes(number)
    return bytes === undefined ? 0 : decodeSignedVarint(bytes)
  }

  text(number: number): string {
    const bytes = this.bytes(number)
    return bytes === undefined ? '' : decoder.decode(bytes)
  }

  texts(number: number): string[] {
    return this.fields.flatMap((field) =>
      field.number === number && field.value instanceof Uint8Array ? [decoder.decode(field.value)] : [],
    )
  }

  /** A repeated whole number, packed or not. */
  integers(number: number): number[] {
    const values: number[] = []
    for (const field of this.fields) {
      if (field.number !== number || !(field.value instanceof Uint8Array)) continue
      if (field.wireType === VARINT) {
        values.push(decodeSignedVarint(field.value))
        continue
      }
      const reader = new WireReader(field.value)
      while (!reader.done) values.push(decodeSignedVarint(reader.readValue(VARINT)))
    }
    return values
  }

  message(number: number): ProtoMessage | undefined {
    return this.messages(number).at(-1)
  }

  /** Nested messages, opened in place: what is changed in them is written. */
  messages(number: number): ProtoMessage[] {
    const opened: ProtoMessage[] = []
    for (const field of this.fields) {
      if (field.number !== number) continue
      if (field.value instanceof Uint8Array) field.value = ProtoMessage.decode(field.value)
      if (field.value instanceof ProtoMessage) opened.push(field.value)
    }
    return opened
  }

  remove(number: number): void {
    this.fields = this.fields.filter((field) => field.number !== number)
  }

  setInteger(number: number, value: number): void {
    this.#replace(number, [{ number, wireType: VARINT, value: encodeVarint(value) }])
  }

  setIntegers(number: number, values: readonly number[]): void {
    this.#replace(
      number,
      values.map((value) => ({ number, wireType: VARINT, value: encodeVarint(value) })),
    )
  }

  setText(number: number, value: string): void {
    this.setTexts(number, [value])
  }

  setTexts(number: number, values: readonly string[]): void {
    this.#replace(
      number,
      values.map((value) => ({ number, wireType: BYTES, value: encoder.encode(value) })),
    )
  }

  setBytes(number: number, value: Uint8Array, wireType: WireType = BYTES): void {
    this.#replace(number, [{ number, wireType, value }])
  }

  setSpan(number: number, value: FileSpan): void {
    this.#replace(number, [{ number, wireType: BYTES, value }])
  }

  setMessages(number: number, values: readonly ProtoMessage[]): void {
    this.#replace(
      number,
      values.map((value) => ({ number, wireType: BYTES, value })),
    )
  }

  /** Bytes for the wire. Spans must have been resolved before. */
  encode(): Uint8Array {
    const chunks: Uint8Array[] = []
    for (const { number, wireType, value } of this.fields) {
      const payload = value instanceof ProtoMessage ? value.encode() : value
      if (!(payload instanceof Uint8Array)) throw new TypeError('A field still lies in a file; move it out before writing.')
      chunks.push(encodeVarint(number * 8 + wireType))
      if (wireType === BYTES) chunks.push(encodeVarint(payload.length))
      chunks.push(payload)
    }
    return concatBytes(chunks)
  }

  /** New fields take the place of the first old one, or the end. */
  #replace(number: number, fields: ProtoField[]): void {
    const at = this.fields.findIndex((field) => field.number === number)
    const rest = this.fields.filter((field) => field.number !== number)
    rest.splice(at < 0 ? rest.length : at, 0, ...fields)
    this.fields = rest
  }
}

function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const joined = new Uint8Array(total)
  let offset = 0
  for (const chunk of chunks) {
    joined.set(chunk, offset)
    offset += chunk.length
  }
  return joined
}
