/** Float32 value of every 16-bit half. */
let decoded: Float32Array | undefined

function buildTable(): Float32Array {
  const table = new Float32Array(65_536)
  for (let half = 0; half < table.length; half++) {
    const sign = half & 0x8000 ? -1 : 1
    const exponent = (half >>> 10) & 0x1f
    const fraction = half & 0x3ff
    if (exponent === 0x1f) table[half] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    else if (exponent === 0) table[half] = sign * fraction * 2 ** -24
    else table[half] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }
  return table
}

/** IEEE half precision, as bits, to float32. Exact. */
export function decodeHalf(bits: Uint16Array): Float32Array {
  decoded ??= buildTable()
  const values = new Float32Array(bits.length)
  for (let i = 0; i < bits.length; i++) values[i] = decoded[bits[i]!]!
  return values
}

/** Float32 to the bits of IEEE half precision, rounded to nearest, ties to even; too large becomes infinity. */
export function encodeHalf(values: Float32Array): Uint16Array {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < halves.length; i++) {
    const bits = source[i]!
    const magnitude = bits & 0x7fffffff
    halves[i] = ((bits >>> 16) & 0x8000) | roundMagnitude(magnitude)
  }
  return halves
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

function roundMagnitude(magnitude: number): number {
  if (magnitude > 0x7f800000) return 0x7e00
  if (magnitude >= 0x47800000) return 0x7c00
  if (magnitude >= 0x38800000) return (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13
  // Subnormal: adding 0.5 leaves a float32 whose last bits count units of 2^-24, rounded by the addition itself.
  scratchBits[0] = magnitude
  scratch[0] = scratch[0]! + 0.5
  return scratchBits[0]! - 0x3f000000
}
