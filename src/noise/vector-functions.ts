import { fusedMultiplyAdd as fma } from '../tensor/fused-multiply-add.ts'

/**
 * Logarithm, sine and cosine as torch's vectorized CPU kernel computes them: the Cephes single-precision polynomials in
 * float32 with fused multiply-add. The last bits of the noise depend on this exact sequence of operations.
 */

const { fround } = Math

const LOG_P0 = fround(7.0376836292e-2)
const LOG_P1 = fround(-1.151461031e-1)
const LOG_P2 = fround(1.167699874e-1)
const LOG_P3 = fround(-1.2420140846e-1)
const LOG_P4 = fround(1.4249322787e-1)
const LOG_P5 = fround(-1.6668057665e-1)
const LOG_P6 = fround(2.0000714765e-1)
const LOG_P7 = fround(-2.4999993993e-1)
const LOG_P8 = fround(3.3333331174e-1)
const LOG_Q1 = fround(-2.1219444e-4)
const LOG_Q2 = fround(0.693359375)
const SQRT_HALF = fround(Math.SQRT1_2)

const floatScratch = new Float32Array(1)
const bitScratch = new Int32Array(floatScratch.buffer)

/** Natural logarithm of a positive, normal float32. */
export function logFloat32(value: number): number {
  floatScratch[0] = value
  const bits = bitScratch[0]!
  bitScratch[0] = (bits & 0x007fffff) | 0x3f000000
  const mantissa = floatScratch[0]!
  let exponent = (bits >>> 23) - 126
  let x = mantissa - 1
  if (mantissa < SQRT_HALF) {
    exponent -= 1
    x = fround(x + mantissa)
  }
  const z = fround(x * x)
  let y = fma(LOG_P0, x, LOG_P1)
  y = fma(y, x, LOG_P2)
  y = fma(y, x, LOG_P3)
  y = fma(y, x, LOG_P4)
  y = fma(y, x, LOG_P5)
  y = fma(y, x, LOG_P6)
  y = fma(y, x, LOG_P7)
  y = fma(y, x, LOG_P8)
  y = fround(y * x)
  y = fma(y, z, fround(exponent * LOG_Q1))
  y = fma(-z, 0.5, y)
  return fma(exponent, LOG_Q2, fround(x + y))
}

const FOUR_OVER_PI = fround(1.27323954473516)
const QUARTER_PI_HIGH = fround(-0.78515625)
const QUARTER_PI_MIDDLE = fround(-2.4187564849853516e-4)
const QUARTER_PI_LOW = fround(-3.774894977445941e-8)
const COS_P0 = fround(2.443315711809948e-5)
const COS_P1 = fround(-1.388731625493765e-3)
const COS_P2 = fround(4.166664568298827e-2)
const SIN_P0 = fround(-1.9515295891e-4)
const SIN_P1 = fround(8.3321608736e-3)
const SIN_P2 = fround(-1.6666654611e-1)

/** Writes the sine and the cosine of a float32 angle ≥ 0 (radians) to `result[0]` and `result[1]`. */
export function sineAndCosineFloat32(angle: number, result: Float64Array): void {
  const octant = (Math.trunc(fround(angle * FOUR_OVER_PI)) + 1) & ~1
  let x = fma(octant, QUARTER_PI_HIGH, angle)
  x = fma(octant, QUARTER_PI_MIDDLE, x)
  x = fma(octant, QUARTER_PI_LOW, x)
  const z = fround(x * x)

  let cosine = fma(COS_P0, z, COS_P1)
  cosine = fma(cosine, z, COS_P2)
  cosine = fround(cosine * z)
  cosine = fma(cosine, z, -fround(z * 0.5))
  cosine = fround(cosine + 1)

  let sine = fma(SIN_P0, z, SIN_P1)
  sine = fma(sine, z, SIN_P2)
  sine = fround(sine * z)
  sine = fma(sine, x, x)

  const swaps = (octant & 2) !== 0
  const sineMagnitude = swaps ? cosine : sine
  const cosineMagnitude = swaps ? sine : cosine
  result[0] = (octant & 4) !== 0 ? -sineMagnitude : sineMagnitude
  result[1] = (~(octant - 2) & 4) !== 0 ? -cosineMagnitude : cosineMagnitude
}
