const { fround } = Math

/**
 * `a · b + c` of float32 values with one rounding, as the FMA instruction gives it.
 *
 * The product of two float32 values is exact in double. Rounding the double sum once more is wrong only where that sum
 * falls midway between two float32 values and the part lost in the sum would decide.
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b
  const sum = product + c
  const rounded = fround(sum)
  if (rounded === sum) return rounded
  const neighbor = 2 * sum - rounded
  if (fround(neighbor) !== neighbor) return rounded
  // TwoSum (Knuth): what the addition in double lost.
  const addend = sum - product
  const lost = product - (sum - addend) + (c - addend)
  if (lost === 0) return rounded
  return lost > 0 ? Math.max(rounded, neighbor) : Math.min(rounded, neighbor)
}
