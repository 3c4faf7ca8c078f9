/** Values of one 4-bit block that share a scale. */
export const BLOCK = 32

/** A matrix of [rows, columns], rows being the inputs of a linear layer. */
export interface Matrix {
  data: Float32Array
  rows: number
  columns: number
}

/** Signed bytes with one scale a column: `weight ≈ codes · scale`. */
export function encodeInt8({ data, rows, columns }: Matrix): { codes: Int8Array; scales: Float32Array } {
  const scales = new Float32Array(columns)
  for (let index = 0; index < data.length; index++) {
    const column = index % columns
    scales[column] = Math.max(scales[column]!, Math.abs(data[index]!))
  }
  for (let column = 0; column < columns; column++) scales[column] = scales[column]! / 127 || 1
  const codes = new Int8Array(rows * columns)
  for (let index = 0; index < data.length; index++) codes[index] = Math.round(data[index]! / scales[index % columns]!)
  return { codes, scales }
}

/**
 * Four bits a value in blocks of 32 down each column, as the operator MatMulNBits stores them: [columns, blocks, 16], the earlier value in the
 * lower half of a byte, and one scale a block around the code 8. The value of the greatest size is met exactly.
 */
export function encodeInt4({ data, rows, columns }: Matrix): { codes: Uint8Array; scales: Float32Array } {
  const blocks = Math.ceil(rows / BLOCK)
  const codes = new Uint8Array((columns * blocks * BLOCK) / 2)
  const scales = new Float32Array(columns * blocks)
  for (let column = 0; column < columns; column++) {
    for (let block = 0; block < blocks; block++) {
      const first = block * BLOCK
      const last = Math.min(first + BLOCK, rows)
      const scale = greatest(data, column, columns, first, last) / -8 || 1
      const at = column * blocks + block
      scales[at] = scale
      for (let row = first; row < first + BLOCK; row++) {
        const code = row < last ? Math.min(15, Math.max(0, Math.round(data[row * columns + column]! / scale) + 8)) : 8
        const place = at * (BLOCK / 2) + Math.floor((row - first) / 2)
        codes[place]! |= (row - first) % 2 === 0 ? code : code << 4
      }
    }
  }
  return { codes, scales }
}

/** The value of the greatest size, with its sign. */
function greatest(data: Float32Array, column: number, columns: number, first: number, last: number): number {
  let found = 0
  for (let row = first; row < last; row++) {
    const value = data[row * columns + column]!
    if (Math.abs(value) > Math.abs(found)) found = value
  }
  return found
}
