const LENGTH = 624
const MIDDLE = 397

/** The 32-bit Mersenne Twister MT19937, seeded by Knuth's multiplier as torch and NumPy do it. */
export class MersenneTwister {
  readonly #state = new Int32Array(LENGTH)
  #position = LENGTH

  /** Only the low 32 bits of the seed count; negative seeds wrap. */
  constructor(seed: number | bigint) {
    const state = this.#state
    state[0] = Number(BigInt.asIntN(32, BigInt(seed)))
    for (let index = 1; index < LENGTH; index++) {
      const previous = state[index - 1]!
      state[index] = Math.imul(1812433253, previous ^ (previous >>> 30)) + index
    }
  }

  /** The next 32 random bits, as a signed integer. */
  nextBits(): number {
    if (this.#position === LENGTH) this.#twist()
    const bits = this.#state[this.#position++]!
    return temper(bits)
  }

  /** A double of [0, 1) with 53 random bits, the first draw being the high word (torch's order). */
  nextDouble(): number {
    const high = this.nextBits() & 0x1fffff
    const low = this.nextBits() >>> 0
    return (high * 2 ** 32 + low) * 2 ** -53
  }

  /** Fills with float32 values of [0, 1) with 24 random bits each. */
  fillUniform(target: Float32Array): void {
    for (let index = 0; index < target.length; index++) {
      target[index] = (this.nextBits() & 0xffffff) * 2 ** -24
    }
  }

  #twist(): void {
    const state = this.#state
    let index = 0
    for (; index < LENGTH - MIDDLE; index++) state[index] = state[index + MIDDLE]! ^ mix(state[index]!, state[index + 1]!)
    for (; index < LENGTH - 1; index++) state[index] = state[index + MIDDLE - LENGTH]! ^ mix(state[index]!, state[index + 1]!)
    state[LENGTH - 1] = state[MIDDLE - 1]! ^ mix(state[LENGTH - 1]!, state[0]!)
    this.#position = 0
  }
}

function mix(upper: number, lower: number): number {
  const joined = (upper & 0x80000000) | (lower & 0x7fffffff)
  return (joined >>> 1) ^ (-(lower & 1) & 0x9908b0df)
}

function temper(bits: number): number {
  let mixed = bits ^ (bits >>> 11)
  mixed ^= (mixed << 7) & 0x9d2c5680
  mixed ^= (mixed << 15) & 0xefc60000
  return mixed ^ (mixed >>> 18)
}
