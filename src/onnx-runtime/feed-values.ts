import type { Tensor as RuntimeTensor } from 'onnxruntime-node'
import { DiffgentorError } from '../errors.ts'
import { countElements, type Tensor } from '../tensor/tensor.ts'
import { decodeHalf, encodeHalf } from './half-float.ts'
import type { Runtime } from './load-runtime.ts'

/** Numbers for a graph, in C order; converted to the type that the graph declares. Whole numbers up to 2⁵³ stay exact. A list must not change once it was fed. */
export interface FeedValue {
  readonly data: Float32Array | readonly number[]
  readonly shape: readonly number[]
}

/** Element types that graphs of image models use at their edges. */
export type ValueType = 'float32' | 'float16' | 'float64' | 'int64' | 'int32' | 'uint8' | 'bool'

const CONVERSIONS: Record<ValueType, (data: FeedValue['data']) => RuntimeTensor.DataTypeMap[ValueType]> = {
  float32: (data) => toFloat32(data),
  float16: (data) => encodeHalf(toFloat32(data)) as unknown as RuntimeTensor.DataTypeMap['float16'],
  float64: (data) => Float64Array.from(data),
  int64: (data) => toInt64(data),
  int32: (data) => Int32Array.from(data, roundHalfToEven),
  uint8: (data) => Uint8Array.from(data, roundHalfToEven),
  bool: (data) => Uint8Array.from(data, (value) => (value ? 1 : 0)),
}

/** Makes a runtime tensor of the declared type. A Float32Array for a float32 input is passed on without a copy. */
export function toRuntimeTensor({ Tensor }: Runtime, value: FeedValue, type: ValueType): RuntimeTensor {
  if (value.data.length !== countElements(value.shape)) {
    throw new DiffgentorError('internal', `${value.data.length} values do not fill the shape [${value.shape}].`)
  }
  return new Tensor(type, CONVERSIONS[type](value.data) as never, [...value.shape]) as RuntimeTensor
}

/** Reads a runtime tensor as float32; a float32 result is passed on without a copy. */
export function fromRuntimeTensor(tensor: RuntimeTensor): Tensor {
  return { data: toFloats(tensor), shape: tensor.dims }
}

function toFloats(tensor: RuntimeTensor): Float32Array {
  if (tensor.type === 'float32') return tensor.data as Float32Array
  if (tensor.type === 'float16') return decodeHalf(tensor.data as unknown as Uint16Array)
  return Float32Array.from(tensor.data as ArrayLike<number | bigint>, Number)
}

function toFloat32(data: FeedValue['data']): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data)
}

/** Masks and ids are fed again at every step, and one conversion of them costs more than the scheduler's whole step. */
const convertedLists = new WeakMap<readonly number[], BigInt64Array>()

function toInt64(data: FeedValue['data']): BigInt64Array {
  if (data instanceof Float32Array) return convertToInt64(data)
  const converted = convertedLists.get(data) ?? convertToInt64(data)
  convertedLists.set(data, converted)
  return converted
}

function convertToInt64(data: ArrayLike<number>): BigInt64Array {
  const converted = new BigInt64Array(data.length)
  for (let i = 0; i < data.length; i++) converted[i] = BigInt(roundHalfToEven(data[i]!))
  return converted
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value)
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}
