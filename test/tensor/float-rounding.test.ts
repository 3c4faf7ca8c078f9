import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fusedMultiplyAdd } from '../../src/tensor/fused-multiply-add.ts'
import { roundToBfloat16, roundToFloat16 } from '../../src/tensor/half-precision.ts'

/** A float32 as an exact fraction of 2^-300. */
function scaled(value: number): bigint {
  let steps = 0
  let mantissa = value
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    steps += 1
  }
  return BigInt(mantissa) << BigInt(300 - steps)
}

describe('a fused multiply-add', () => {
  it('is the float32 nearest to the exact result', () => {
    const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 20), max: 2 ** 20 })
    const usual = finite.filter((value) => value === 0 || Math.abs(value) > 2 ** -30)
    fc.assert(
      fc.property(usual, usual, usual, (a, b, c) => {
        const exact = scaled(a) * scaled(b) + (scaled(c) << 300n)
        const result = fusedMultiplyAdd(a, b, c)
        const distance = (value: number) => {
          const difference = (scaled(value) << 300n) - exact
          return difference < 0n ? -difference : difference
        }
        const bits = new Int32Array(Float32Array.of(result).buffer)
        const neighbors = [-1, 1].map((step) => new Float32Array(Int32Array.of(bits[0]! + step).buffer)[0]!)
        for (const neighbor of neighbors.filter(Number.isFinite)) {
          expect(distance(result) <= distance(neighbor)).toBe(true)
        }
      }),
    )
  })

  it('sees what a double sum would lose', () => {
    // 1 + 2^-24 lies midway between two float32 values; the product decides.
    const tiny = 2 ** -60
    expect(fusedMultiplyAdd(tiny, 2 ** -20, 1 + 2 ** -23)).toBe(1 + 2 ** -23)
    const a = Math.fround(1 + 2 ** -12)
    expect(fusedMultiplyAdd(a, a, -(2 ** -24))).toBe(Math.fround(1 + 2 ** -11))
  })
})

describe('rounding to half precision', () => {
  it.each([
    [1 + 2 ** -11, 1],
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [65519, 65504],
    [65520, Infinity],
    [-70000, -Infinity],
    [2 ** -24, 2 ** -24],
    [2 ** -25, 0],
    [2 ** -25 * 1.5, 2 ** -24],
    [0.1, 0.0999755859375],
  ])('turns %d into the float16 %d', (value, rounded) => {
    expect(roundToFloat16(value)).toBe(rounded)
  })

  it.each([
    [1 + 2 ** -8, 1],
    [1 + 3 * 2 ** -8, 1 + 2 ** -6],
    [0.1, 0.10009765625],
    [-2.7, -2.703125],
  ])('turns %d into the bfloat16 %d', (value, rounded) => {
    expect(roundToBfloat16(value)).toBe(rounded)
  })

  it('keeps infinities and what is not a number', () => {
    expect(roundToFloat16(Number.NaN)).toBeNaN()
    expect(roundToBfloat16(Infinity)).toBe(Infinity)
  })
})
