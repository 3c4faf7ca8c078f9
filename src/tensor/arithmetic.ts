const { fround } = Math

/*
 * Array operations as torch does them in float32: every product, sum and quotient is rounded before it is used again. Plain loops,
 * because a callback per value costs several times the arithmetic.
 */

/** `weight · values + otherWeight · others`. */
export function weightedSum(weight: number, values: Float32Array, otherWeight: number, others: Float32Array): Float32Array {
  const result = new Float32Array(values.length)
  for (let i = 0; i < result.length; i++) result[i] = fround(weight * values[i]!) + fround(otherWeight * others[i]!)
  return result
}

/** `values + weight · others`. */
export function addScaled(values: Float32Array, weight: number, others: Float32Array): Float32Array {
  const result = new Float32Array(values.length)
  for (let i = 0; i < result.length; i++) result[i] = values[i]! + fround(weight * others[i]!)
  return result
}

/** Adds `weight · others` to `target` itself. */
export function accumulateScaled(target: Float32Array, weight: number, others: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i] = target[i]! + fround(weight * others[i]!)
}

/** `(values − weight · others) / divisor`. */
export function subtractScaledAndDivide(
  values: Float32Array,
  weight: number,
  others: Float32Array,
  divisor: number,
): Float32Array {
  const result = new Float32Array(values.length)
  for (let i = 0; i < result.length; i++) result[i] = fround(values[i]! - fround(weight * others[i]!)) / divisor
  return result
}

/** `scale · (values − others)`. */
export function scaledDifference(scale: number, values: Float32Array, others: Float32Array): Float32Array {
  const result = new Float32Array(values.length)
  for (let i = 0; i < result.length; i++) result[i] = scale * fround(values[i]! - others[i]!)
  return result
}

/** `values / divisor`. */
export function divideBy(values: Float32Array, divisor: number): Float32Array {
  const result = new Float32Array(values.length)
  for (let i = 0; i < result.length; i++) result[i] = values[i]! / divisor
  return result
}
