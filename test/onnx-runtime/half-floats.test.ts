import { describe, expect, it } from 'vitest'
import { decodeHalf, encodeHalf } from '../../src/onnx-runtime/half-float.ts'

describe('half precision', () => {
  it('survives the way there and back for every value', () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i).filter(
      (half) => (half & 0x7c00) !== 0x7c00 || (half & 0x3ff) === 0,
    )
    expect(encodeHalf(decodeHalf(bits))).toEqual(bits)
  })

  it.each([
    ['ties to even, down', 2049, 2048],
    ['ties to even, up', 2051, 2052],
    ['the largest', 65_519, 65_504],
    ['too large', 65_520, Number.POSITIVE_INFINITY],
    ['the least', 2 ** -24, 2 ** -24],
    ['half of the least', 2 ** -25, 0],
    ['a little more than that', 2 ** -25 * 1.001, 2 ** -24],
    ['not a number', Number.NaN, Number.NaN],
  ])('rounds %s', (_what, value, rounded) => {
    expect(decodeHalf(encodeHalf(Float32Array.of(value)))[0]).toBe(rounded)
  })
})
