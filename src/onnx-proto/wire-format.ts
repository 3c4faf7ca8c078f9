import { DiffgentorError } from '../errors.ts'

/** Protocol Buffers wire types (protobuf.dev/programming-guides/encoding); groups (3, 4) do not occur in ONNX. */
export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
export const FIXED32 = 5

export type WireType = typeof VARINT | typeof FIXED64 | typeof BYTES | typeof FIXED32

/** Why bytes cannot be a protocol buffer. Callers that know the file name wrap it. */
export function tornMessage(detail: string): DiffgentorError {
  return new DiffgentorError('model_unreadable', `The bytes are not an ONNX model: ${detail}.`)
}

/** A forward reader over bytes in memory. */
export class WireReader {
  readonly bytes: Uint8Array
  position = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get done(): boolean {
    return this.position >= this.bytes.length
  }

  /** An unsigned variable-length number. Fails above 2⁵³−1. */
  readVarint(): number {
    const start = this.position
    this.skipVarint()
    return decodeVarint(this.bytes.subarray(start, this.position))
  }

  skipVarint(): void {
    for (let length = 1; length <= 10; length++) {
      const byte = this.bytes[this.position++]
      if (byte === undefined) throw tornMessage('it ends inside a number')
      if (byte < 0x80) return
    }
    throw tornMessage('a number is longer than ten bytes')
  }

  readTag(): { number: number; wireType: WireType } {
    return splitTag(this.readVarint())
  }

  readBytes(length: number): Uint8Array {
    const end = this.position + length
    if (end > this.bytes.length) throw tornMessage('it ends inside a field')
    const slice = this.bytes.subarray(this.position, end)
    this.position = end
    return slice
  }

  /** The raw value bytes of one field: the payload without its length, or the digits of a number. */
  readValue(wireType: WireType): Uint8Array {
    switch (wireType) {
      case VARINT: {
        const start = this.position
        this.skipVarint()
        return this.bytes.subarray(start, this.position)
      }
      case FIXED64:
        return this.readBytes(8)
      case FIXED32:
        return this.readBytes(4)
      case BYTES:
        return this.readBytes(this.readVarint())
    }
  }
}

export function splitTag(tag: number): { number: number; wireType: WireType } {
  const wireType = tag % 8
  const number = Math.floor(tag / 8)
  if (number === 0 || number >= 2 ** 29) throw tornMessage('a field has an impossible number')
  if (wireType !== VARINT && wireType !== FIXED64 && wireType !== BYTES && wireType !== FIXED32) {
    throw tornMessage(`a field has the unknown wire type ${wireType}`)
  }
  return { number, wireType }
}

/** Reads an unsigned number that fits a double exactly. */
export function decodeVarint(bytes: Uint8Array): number {
  let value = 0
  let factor = 1
  for (const byte of bytes) {
    value += (byte & 0x7f) * factor
    factor *= 128
  }
  if (!Number.isSafeInteger(value)) throw tornMessage('a length or size is beyond all bounds')
  return value
}

/** Reads a signed 64-bit number; negative ones take ten bytes on the wire. */
export function decodeSignedVarint(bytes: Uint8Array): number {
  let value = 0n
  let shift = 0n
  for (const byte of bytes) {
    value |= BigInt(byte & 0x7f) << shift
    shift += 7n
  }
  return Number(BigInt.asIntN(64, value))
}

/** Writes a signed 64-bit number. */
export function encodeVarint(value: number): Uint8Array {
  if (value < 0) return encodeBigVarint(BigInt.asUintN(64, BigInt(value)))
  const digits: number[] = []
  let rest = value
  while (rest >= 0x80) {
    digits.push((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  digits.push(rest)
  return Uint8Array.from(digits)
}

function encodeBigVarint(value: bigint): Uint8Array {
  const digits: number[] = []
  let rest = value
  while (rest >= 0x80n) {
    digits.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  digits.push(Number(rest))
  return Uint8Array.from(digits)
}
