import { roundToBfloat16, roundToFloat16 } from '../tensor/half-precision.ts'

/** The type the reference would draw in. Values always come as float32, which holds every half exactly. */
export type NoiseType = 'float32' | 'float16' | 'bfloat16'

const ROUNDING: Readonly<Record<NoiseType, (value: number) => number>> = {
  float32: Math.fround,
  float16: roundToFloat16,
  bfloat16: roundToBfloat16,
}

/** Rounds one value to a type. */
export function roundToType(type: NoiseType, value: number): number {
  return ROUNDING[type](value)
}

/** Rounds float32 values to a type, in place. */
export function roundAllToType(type: NoiseType, values: Float32Array): Float32Array {
  if (type === 'float32') return values
  const round = ROUNDING[type]
  for (let index = 0; index < values.length; index++) values[index] = round(values[index]!)
  return values
}
