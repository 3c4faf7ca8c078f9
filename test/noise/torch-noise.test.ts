import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createNoiseSource } from '../../src/noise/noise-source.ts'
import type { NoiseType } from '../../src/noise/noise-type.ts'
import { TorchGenerator } from '../../src/noise/torch-generator.ts'
import { fixturePath } from '../support/fixtures.ts'

interface LongDraw {
  seed: string
  shape: number[]
  dtype: NoiseType | 'float64'
  head: number[]
  tail: number[]
  sha256_le: string
}
type Summary = { head: number[]; tail: number[]; sha256_le: string }
interface Sequence {
  seed: string
  ops: [kind: 'randn' | 'rand' | 'randperm', count: number, dtype: NoiseType | 'float64' | ''][]
  out: (number[] | Summary)[]
}
interface Goldens {
  short_by_seed: { seed: string; randn4: number[]; randn16: number[]; rand8: number[]; randn5_f16: number[] }[]
  lengths: Record<string, Record<string, number[]>>
  lengths_float16: Record<string, Record<string, number[]>>
  lengths_bfloat16: Record<string, Record<string, number[]>>
  long: LongDraw[]
  sequences: Sequence[]
}

const goldens = JSON.parse(readFileSync(fixturePath('rng/torch.json'), 'utf8')) as Goldens
const single = (values: number[]) => Array.from(new Float32Array(values))

function draw(seed: string, shape: number[], dtype: NoiseType): Float32Array {
  return createNoiseSource({ source: 'torch-cpu', seed: BigInt(seed), dtype }).normal(shape).data
}

/** The raw bytes as torch stores them; a half is the upper part of its float32 for bfloat16. */
function rawBytes(values: Float32Array, dtype: NoiseType): Buffer {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  if (dtype === 'float32') return Buffer.from(bits.buffer, bits.byteOffset, bits.byteLength)
  const halves = Uint16Array.from(bits, (word) => (dtype === 'bfloat16' ? word >>> 16 : float16Bits(word)))
  return Buffer.from(halves.buffer)
}

/** Bits of a float32 that is exactly a float16. */
function float16Bits(word: number): number {
  const value = new Float32Array(Uint32Array.of(word).buffer)[0]!
  const sign = (word >>> 16) & 0x8000
  const exponent = ((word >>> 23) & 0xff) - 127
  if (exponent < -14) return sign | (Math.abs(value) * 2 ** 24)
  return sign | ((exponent + 15) << 10) | ((word >>> 13) & 0x3ff)
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('torch noise equals torch bit by bit', () => {
  it.each(goldens.short_by_seed)('for seed $seed', (golden) => {
    expect(Array.from(draw(golden.seed, [4], 'float32'))).toEqual(single(golden.randn4))
    expect(Array.from(draw(golden.seed, [16], 'float32'))).toEqual(single(golden.randn16))
    expect(Array.from(draw(golden.seed, [5], 'float16'))).toEqual(golden.randn5_f16)
    expect(Array.from(new TorchGenerator(BigInt(golden.seed)).uniform(8))).toEqual(single(golden.rand8))
  })

  it.each([
    ['float32', goldens.lengths],
    ['float16', goldens.lengths_float16],
    ['bfloat16', goldens.lengths_bfloat16],
  ] as const)('for every short length in %s', (dtype, bySeed) => {
    for (const [seed, byLength] of Object.entries(bySeed)) {
      for (const [length, values] of Object.entries(byLength)) {
        expect(Array.from(draw(seed, [Number(length)], dtype)), `seed ${seed}, length ${length}`).toEqual(single(values))
      }
    }
  })

  const long = goldens.long.filter((golden): golden is LongDraw & { dtype: NoiseType } => golden.dtype !== 'float64')
  it.each(long)('for seed $seed, shape $shape in $dtype', (golden) => {
    const values = draw(golden.seed, golden.shape, golden.dtype)
    expect(Array.from(values.subarray(0, 20))).toEqual(single(golden.head))
    expect(Array.from(values.subarray(-20))).toEqual(single(golden.tail))
    expect(sha256(rawBytes(values, golden.dtype))).toBe(golden.sha256_le)
  })

  const sequences = goldens.sequences.filter(({ ops }) => ops.every(([, , dtype]) => dtype !== 'float64'))
  it.each(sequences)('over a sequence of draws from seed $seed', ({ seed, ops, out }) => {
    const generator = new TorchGenerator(BigInt(seed))
    for (const [index, [kind, count, dtype]] of ops.entries()) {
      const golden = out[index]!
      if (kind === 'randperm') {
        expect(generator.permutation(count)).toEqual(golden)
        continue
      }
      const type = dtype as NoiseType
      const values = kind === 'randn' ? generator.normal(count, type) : generator.uniform(count, type)
      if (Array.isArray(golden)) expect(Array.from(values)).toEqual(single(golden))
      else expect(sha256(rawBytes(values, type))).toBe(golden.sha256_le)
    }
  })
})

it('gives a tensor of the asked shape', () => {
  const noise = createNoiseSource({ source: 'torch-cpu', seed: 42, dtype: 'float32' }).normal([1, 4, 2, 3])
  expect(noise.shape).toEqual([1, 4, 2, 3])
  expect(noise.data).toHaveLength(24)
})

it('takes the low 32 bits of a seed', () => {
  expect(draw('4294967301', [20], 'float32')).toEqual(draw('5', [20], 'float32'))
  expect(draw('-1', [20], 'float32')).toEqual(draw('4294967295', [20], 'float32'))
})
