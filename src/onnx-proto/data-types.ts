/** `TensorProto.DataType` by number: its name here and the bits of one element (0: no fixed size). */
const DATA_TYPES = {
  1: ['float32', 32],
  2: ['uint8', 8],
  3: ['int8', 8],
  4: ['uint16', 16],
  5: ['int16', 16],
  6: ['int32', 32],
  7: ['int64', 64],
  8: ['string', 0],
  9: ['bool', 8],
  10: ['float16', 16],
  11: ['float64', 64],
  12: ['uint32', 32],
  13: ['uint64', 64],
  14: ['complex64', 64],
  15: ['complex128', 128],
  16: ['bfloat16', 16],
  17: ['float8e4m3fn', 8],
  18: ['float8e4m3fnuz', 8],
  19: ['float8e5m2', 8],
  20: ['float8e5m2fnuz', 8],
  21: ['uint4', 4],
  22: ['int4', 4],
  23: ['float4e2m1', 4],
  24: ['float8e8m0', 8],
  25: ['uint2', 2],
  26: ['int2', 2],
} as const satisfies Record<number, readonly [string, number]>

/** Element type of a tensor in a graph; `unknown` for numbers that newer ONNX versions added. */
export type GraphDataType = (typeof DATA_TYPES)[keyof typeof DATA_TYPES][0] | 'unknown'

const NUMBERS = new Map<string, number>(Object.entries(DATA_TYPES).map(([number, [name]]) => [name, Number(number)]))

export function dataTypeName(number: number): GraphDataType {
  return (DATA_TYPES as Record<number, readonly [GraphDataType, number]>)[number]?.[0] ?? 'unknown'
}

export function dataTypeNumber(name: GraphDataType): number {
  return NUMBERS.get(name) ?? 0
}

/** Bytes of a tensor as raw data; types below a byte are packed. Undefined where the type has no fixed size. */
export function tensorBytes(dtype: GraphDataType, dims: readonly number[]): number | undefined {
  const bits = Object.values(DATA_TYPES).find(([name]) => name === dtype)?.[1] ?? 0
  if (bits === 0) return undefined
  return Math.ceil((dims.reduce((product, size) => product * size, 1) * bits) / 8)
}
