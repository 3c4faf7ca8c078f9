import { MersenneTwister } from './mersenne-twister.ts'
import { type NoiseType, roundToType } from './noise-type.ts'

/** `numpy.random.RandomState`, which the first ONNX pipelines of diffusers drew from: Marsaglia's polar method in double. */
export class NumpyGenerator {
  readonly #engine: MersenneTwister
  #spare: number | undefined

  constructor(seed: number | bigint) {
    this.#engine = new MersenneTwister(seed)
  }

  /** `randn(count).astype(type)`: each double is rounded once. */
  normal(count: number, type: NoiseType = 'float32'): Float32Array {
    const values = new Float32Array(count)
    for (let index = 0; index < count; index++) values[index] = roundToType(type, this.nextNormal())
    return values
  }

  /** One value of `randn()`, in double. */
  nextNormal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare
      this.#spare = undefined
      return value
    }
    for (;;) {
      const first = 2 * this.#nextDouble() - 1
      const second = 2 * this.#nextDouble() - 1
      const squared = first * first + second * second
      if (squared >= 1 || squared === 0) continue
      const factor = Math.sqrt((-2 * Math.log(squared)) / squared)
      this.#spare = factor * first
      return factor * second
    }
  }

  #nextDouble(): number {
    const high = this.#engine.nextBits() >>> 5
    const low = this.#engine.nextBits() >>> 6
    return (high * 2 ** 26 + low) * 2 ** -53
  }
}
