import { type NoiseType, roundToType } from './noise-type.ts'

const ROUNDS = 10
const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85
const WORD_RANGE = 2 ** 32

/**
 * Philox 4×32-10 laid out as torch draws on NVIDIA devices and as A1111's "NV" noise does it.
 * (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.)
 */
export class PhiloxGenerator {
  readonly #keyLow: number
  readonly #keyHigh: number
  #calls = 0

  constructor(seed: number | bigint) {
    const wide = BigInt.asUintN(64, BigInt(seed))
    this.#keyLow = Number(wide & 0xffffffffn)
    this.#keyHigh = Number(wide >> 32n)
  }

  normal(count: number, type: NoiseType = 'float32'): Float32Array {
    const values = new Float32Array(count)
    const words = new Uint32Array(4)
    for (let index = 0; index < count; index++) {
      words[0] = this.#calls
      words[1] = 0
      words[2] = index
      words[3] = 0
      encrypt(words, this.#keyLow, this.#keyHigh)
      values[index] = roundToType(type, boxMuller(words[0]!, words[1]!))
    }
    this.#calls += 1
    return values
  }
}

function encrypt(words: Uint32Array, keyLow: number, keyHigh: number): void {
  let key0 = keyLow
  let key1 = keyHigh
  for (let round = 0; round < ROUNDS; round++) {
    const [word0, word1, word2, word3] = [words[0]!, words[1]!, words[2]!, words[3]!]
    words[0] = highProduct(word2, MULTIPLIER_1) ^ word1 ^ key0
    words[1] = Math.imul(word2, MULTIPLIER_1)
    words[2] = highProduct(word0, MULTIPLIER_0) ^ word3 ^ key1
    words[3] = Math.imul(word0, MULTIPLIER_0)
    key0 = (key0 + WEYL_0) >>> 0
    key1 = (key1 + WEYL_1) >>> 0
  }
}

/** The high 32 bits of a product of two unsigned 32-bit integers. */
function highProduct(a: number, b: number): number {
  const lowA = a & 0xffff
  const highA = a >>> 16
  const lowB = b & 0xffff
  const highB = b >>> 16
  const middle = highA * lowB + ((lowA * lowB) >>> 16)
  const carry = lowA * highB + (middle & 0xffff)
  return (highA * highB + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0
}

/** In double: what the published example values of the device's look-alike follow. The device itself rounds to float32. */
function boxMuller(word0: number, word1: number): number {
  const uniform = (word0 + 0.5) / WORD_RANGE
  const angle = (2 * Math.PI * (word1 + 0.5)) / WORD_RANGE
  return Math.sqrt(-2 * Math.log(uniform)) * Math.sin(angle)
}
