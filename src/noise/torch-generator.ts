import { MersenneTwister } from './mersenne-twister.ts'
import { type NoiseType, roundAllToType } from './noise-type.ts'
import { logFloat32, sineAndCosineFloat32 } from './vector-functions.ts'

const { fround } = Math

/** Draws of this many values and more take the vectorized way, which orders and rounds differently. */
const BLOCK = 16
const TWO_PI = fround(2 * Math.PI)

/**
 * `torch.Generator` on the CPU, bit-equal to torch 2.13 on x86 with AVX2 (chosen on every machine, so that seeds travel).
 * Values come as float32; half types come rounded.
 */
export class TorchGenerator {
  readonly #engine: MersenneTwister
  /** The second value of a Box-Muller pair. It outlives calls, and long draws do not touch it. */
  #spare: number | undefined

  constructor(seed: number | bigint) {
    this.#engine = new MersenneTwister(seed)
  }

  /** `torch.randn(count)`. */
  normal(count: number, type: NoiseType = 'float32'): Float32Array {
    const values = new Float32Array(count)
    if (count < BLOCK) {
      for (let index = 0; index < count; index++) values[index] = this.#nextNormal()
    } else {
      this.#fillBlocks(values, type)
    }
    return roundAllToType(type, values)
  }

  /** `torch.rand(count)`. */
  uniform(count: number, type: NoiseType = 'float32'): Float32Array {
    const values = new Float32Array(count)
    this.#engine.fillUniform(values)
    return roundAllToType(type, values)
  }

  /** `torch.randperm(count)`. */
  permutation(count: number): number[] {
    const order = Array.from({ length: count }, (_, index) => index)
    for (let index = 0; index < count - 1; index++) {
      const chosen = index + ((this.#engine.nextBits() >>> 0) % (count - index))
      const value = order[index]!
      order[index] = order[chosen]!
      order[chosen] = value
    }
    return order
  }

  #nextNormal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare
      this.#spare = undefined
      return value
    }
    const angle = 2 * Math.PI * this.#engine.nextDouble()
    const radius = Math.sqrt(-2 * Math.log1p(-this.#engine.nextDouble()))
    this.#spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  #fillBlocks(values: Float32Array, type: NoiseType): void {
    const whole = values.length - (values.length % BLOCK)
    // A float32 draw takes a uniform number for every value, also for the tail that is drawn again; a half draw does not.
    this.#engine.fillUniform(type === 'float32' ? values : values.subarray(0, whole))
    for (let start = 0; start < whole; start += BLOCK) transformBlock(values, start)
    if (whole < values.length) {
      const tail = values.subarray(values.length - BLOCK)
      this.#engine.fillUniform(tail)
      transformBlock(tail, 0)
    }
  }
}

const sineAndCosine = new Float64Array(2)

/** Box-Muller on 16 uniform values: the first eight give the radius, the last eight the angle. */
function transformBlock(values: Float32Array, start: number): void {
  for (let index = start; index < start + BLOCK / 2; index++) {
    const radius = fround(Math.sqrt(fround(-2 * logFloat32(1 - values[index]!))))
    sineAndCosineFloat32(fround(TWO_PI * values[index + BLOCK / 2]!), sineAndCosine)
    // Adding zero turns −0 into 0, as the kernel's `value · std + mean` does.
    values[index] = radius * sineAndCosine[1]! + 0
    values[index + BLOCK / 2] = radius * sineAndCosine[0]! + 0
  }
}
