const FLOAT16_LARGEST = 65504
const FLOAT16_SMALLEST_NORMAL = 2 ** -14
const FLOAT16_MANTISSA_BITS = 10
const BFLOAT16_MANTISSA_BITS = 7

/** The nearest float16, ties to even; beyond the largest float16 the result is infinite. */
export function roundToFloat16(value: number): number {
  const magnitude = Math.abs(value)
  if (magnitude >= FLOAT16_LARGEST + 16) return value > 0 ? Infinity : -Infinity
  const spacing =
    magnitude < FLOAT16_SMALLEST_NORMAL
      ? FLOAT16_SMALLEST_NORMAL * 2 ** -FLOAT16_MANTISSA_BITS
      : spacingAt(value, FLOAT16_MANTISSA_BITS)
  return roundToMultiple(value, spacing)
}

/** The nearest bfloat16 of a float32 value, ties to even. */
export function roundToBfloat16(value: number): number {
  return roundToMultiple(value, spacingAt(value, BFLOAT16_MANTISSA_BITS))
}

const scratch = new Float64Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** Distance between neighbors around a value for a format with that many stored mantissa bits. */
function spacingAt(value: number, mantissaBits: number): number {
  scratch[0] = value
  const exponent = ((scratchBits[1]! >>> 20) & 0x7ff) - 1023
  return 2 ** (exponent - mantissaBits)
}

// Adding and taking away 1.5 · 2^52 leaves a double rounded to an integer, ties to even.
const ROUNDING_SHIFT = 1.5 * 2 ** 52

function roundToMultiple(value: number, spacing: number): number {
  if (!Number.isFinite(value)) return value
  return (value / spacing + ROUNDING_SHIFT - ROUNDING_SHIFT) * spacing
}
