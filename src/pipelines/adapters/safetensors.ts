import { type FileHandle, open } from 'node:fs/promises'
import { DiffgentorError } from '../../errors.ts'
import { decodeHalf } from '../../onnx-runtime/half-float.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** Headers of real files are a few hundred kilobytes. */
const HEADER_LIMIT = 100 * 1024 * 1024

const ELEMENT_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2 } as const

/** Element types whose values can be read. */
type FloatType = keyof typeof ELEMENT_BYTES

interface TensorPlace {
  dtype: string
  shape: readonly number[]
  /** Bytes from the start of the file. */
  offset: number
  length: number
}

interface Header {
  metadata: Readonly<Record<string, string>>
  places: ReadonlyMap<string, TensorPlace>
}

/** A `.safetensors` file (github.com/huggingface/safetensors): a JSON header that places named tensors. Values are read one tensor at a time. */
export class SafetensorsFile implements AsyncDisposable {
  readonly path: string
  /** Free texts that the writer of the file put into its header. */
  readonly metadata: Readonly<Record<string, string>>
  readonly #handle: FileHandle
  readonly #places: ReadonlyMap<string, TensorPlace>

  private constructor(path: string, handle: FileHandle, { metadata, places }: Header) {
    this.path = path
    this.metadata = metadata
    this.#handle = handle
    this.#places = places
  }

  static async open(path: string): Promise<SafetensorsFile> {
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw new DiffgentorError('model_not_found', `The file ${path} cannot be opened.`, { cause })
    })
    try {
      return new SafetensorsFile(path, handle, await readHeader(path, handle))
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get names(): string[] {
    return [...this.#places.keys()]
  }

  /** Reads one tensor as float32. */
  async read(name: string): Promise<Tensor> {
    const { dtype, shape, offset, length } = this.#place(name)
    if (!isFloatType(dtype)) throw unreadable(this.path, `keeps ${name} as ${dtype}, expected F32, F16, BF16 or F64`)
    const bytes = new Uint8Array(length)
    const { bytesRead } = await this.#handle.read(bytes, 0, length, offset)
    if (bytesRead < length) throw unreadable(this.path, 'ended while it was read')
    return { data: toFloat32(bytes, dtype), shape }
  }

  #place(name: string): TensorPlace {
    const place = this.#places.get(name)
    if (place === undefined) throw unreadable(this.path, `has no tensor ${name}`)
    return place
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}

async function readHeader(path: string, handle: FileHandle): Promise<Header> {
  const { size } = await handle.stat()
  const prefix = new Uint8Array(8)
  const { bytesRead } = await handle.read(prefix, 0, 8, 0)
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true))
  if (bytesRead < 8 || length > HEADER_LIMIT || 8 + length > size) throw unreadable(path, 'has no header of that format')
  const json = new Uint8Array(length)
  await handle.read(json, 0, length, 8)
  return parseHeader(path, json, 8 + length, size)
}

function parseHeader(path: string, json: Uint8Array, dataStart: number, size: number): Header {
  const places = new Map<string, TensorPlace>()
  const { __metadata__: metadata, ...entries } = parseObject(path, json)
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: span } = (entry ?? {}) as Record<string, unknown>
    if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(span) || span.length !== 2) {
      throw unreadable(path, `describes the tensor ${name} in an unknown way`)
    }
    const [from, to] = span as [number, number]
    const expected = isFloatType(dtype) ? shape.reduce((product, count) => product * count, 1) * ELEMENT_BYTES[dtype] : to - from
    if (to < from || dataStart + to > size || to - from !== expected)
      throw unreadable(path, `is cut off or damaged at the tensor ${name}`)
    places.set(name, { dtype, shape, offset: dataStart + from, length: to - from })
  }
  return { metadata: readMetadata(metadata), places }
}

function readMetadata(metadata: unknown): Record<string, string> {
  if (typeof metadata !== 'object' || metadata === null) return {}
  return Object.fromEntries(Object.entries(metadata).filter((entry) => typeof entry[1] === 'string'))
}

function parseObject(path: string, json: Uint8Array): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>
  } catch (cause) {
    throw unreadable(path, 'has a header that is not JSON', cause)
  }
  throw unreadable(path, 'has a header that is not a table')
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}

function isFloatType(dtype: string): dtype is FloatType {
  return dtype in ELEMENT_BYTES
}

function toFloat32(bytes: Uint8Array, dtype: FloatType): Float32Array {
  switch (dtype) {
    case 'F32':
      return new Float32Array(bytes.buffer)
    case 'F64':
      return Float32Array.from(new Float64Array(bytes.buffer))
    case 'F16':
      return decodeHalf(new Uint16Array(bytes.buffer))
    case 'BF16':
      return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (bits) => bits << 16).buffer)
  }
}

function unreadable(path: string, what: string, cause?: unknown): DiffgentorError {
  return new DiffgentorError('model_unreadable', `The file ${path} ${what}; expected a whole .safetensors file.`, { cause })
}
