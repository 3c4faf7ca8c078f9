import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createNoiseSource } from '../../src/noise/noise-source.ts'
import { NumpyGenerator } from '../../src/noise/numpy-generator.ts'
import { fixturePath } from '../support/fixtures.ts'

interface NumpyGolden {
  seed: number
  randn7_f64: number[]
  then_randn3_f64: number[]
  randn16384_f32: { head: number[]; tail: number[]; sha256_le: string }
}
const goldens = JSON.parse(readFileSync(fixturePath('rng/numpy.json'), 'utf8')) as NumpyGolden[]

describe('NumPy noise equals RandomState', () => {
  it.each(goldens)('in double over two draws of odd length, seed $seed', (golden) => {
    const generator = new NumpyGenerator(golden.seed)
    const values = Array.from({ length: 10 }, () => generator.nextNormal())
    const expected = [...golden.randn7_f64, ...golden.then_randn3_f64]
    for (const [index, value] of values.entries()) {
      // The last bit belongs to the logarithm of the C library.
      expect(Math.abs(value - expected[index]!)).toBeLessThanOrEqual(2 ** -52 * Math.abs(value))
    }
  })

  it.each(goldens)('bit by bit in float32, seed $seed', (golden) => {
    const { data } = createNoiseSource({ source: 'numpy', seed: golden.seed, dtype: 'float32' }).normal([1, 4, 64, 64])
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(golden.randn16384_f32.sha256_le)
  })
})

describe('Philox noise', () => {
  it('equals the published example of A1111 for seed 0', () => {
    const { data } = createNoiseSource({ source: 'philox', seed: 0, dtype: 'float32' }).normal([3, 4])
    const published = [
      -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122, -0.32838709, -1.07454231,
      -0.36314407, -1.67105067, 2.26550497,
    ]
    // Published to eight decimals, which is less than a float32 holds.
    for (const [index, value] of published.entries()) {
      expect(Math.abs(data[index]! - value)).toBeLessThanOrEqual(2 ** -23 * Math.abs(value))
    }
  })

  it('moves with every call and takes the high half of a long seed', () => {
    const source = createNoiseSource({ source: 'philox', seed: 7n, dtype: 'float32' })
    const first = source.normal([8]).data
    expect(source.normal([8]).data).not.toEqual(first)
    expect(createNoiseSource({ source: 'philox', seed: 7n + 2n ** 32n, dtype: 'float32' }).normal([8]).data).not.toEqual(first)
  })
})
