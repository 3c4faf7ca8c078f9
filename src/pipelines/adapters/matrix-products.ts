import type { Tensor } from '../../tensor/tensor.ts'

/** `left · right` of two matrices, summed in float64 over the short inner axis and rounded once. */
export function multiplyMatrices(left: Tensor, right: Tensor): Float32Array {
  const [rows = 0, inner = 0] = left.shape
  const columns = right.shape[1] ?? 0
  const product = new Float32Array(rows * columns)
  const sums = new Float64Array(columns)
  const whole = inner - (inner % 4)
  for (let row = 0; row < rows; row++) {
    sums.fill(0)
    const start = row * inner
    for (let k = 0; k < whole; k += 4) addFourRows(sums, left.data, start + k, right.data, k * columns)
    for (let k = whole; k < inner; k++) {
      const factor = left.data[start + k]!
      for (let column = 0; column < columns; column++) sums[column]! += factor * right.data[k * columns + column]!
    }
    product.set(sums, row * columns)
  }
  return product
}

/** Four rows at a time keep the sums out of memory: about twice as fast as one. */
function addFourRows(sums: Float64Array, factors: Float32Array, at: number, rows: Float32Array, start: number): void {
  const columns = sums.length
  const [a, b, c, d] = [factors[at]!, factors[at + 1]!, factors[at + 2]!, factors[at + 3]!]
  const [second, third, fourth] = [start + columns, start + 2 * columns, start + 3 * columns]
  for (let column = 0; column < columns; column++) {
    sums[column]! +=
      a * rows[start + column]! + b * rows[second + column]! + c * rows[third + column]! + d * rows[fourth + column]!
  }
}

/** Kronecker product of [a, b] with [c, d, …]: [a·c, b·d, …], flattened. */
export function kronecker(left: Tensor, right: Tensor): Float32Array {
  const [a = 0, b = 0] = left.shape
  const [c = 0, d = 0, ...kernel] = right.shape
  const inside = kernel.reduce((product, size) => product * size, 1)
  const product = new Float32Array(left.data.length * right.data.length)
  let at = 0
  for (let i = 0; i < a; i++) {
    for (let k = 0; k < c; k++) {
      for (let j = 0; j < b; j++) {
        const factor = left.data[i * b + j]!
        const start = k * d * inside
        for (let l = 0; l < d * inside; l++) product[at++] = factor * right.data[start + l]!
      }
    }
  }
  return product
}

/** Convolution weight from a core [p, q, h, w] with factors up [out, p] and down [q, in]: `Σ up[o,p]·core[p,q,y,x]·down[q,i]`, as [out, in, h, w]. */
export function tuckerProduct(core: Tensor, up: Tensor, down: Tensor): Float32Array {
  const [p = 0, q = 0, height = 1, width = 1] = core.shape
  const [outputs = 0] = up.shape
  const inputs = down.data.length / q
  const inside = height * width
  const widened = multiplyMatrices({ data: up.data, shape: [outputs, p] }, { data: core.data, shape: [p, q * inside] })
  const product = new Float32Array(outputs * inputs * inside)
  for (let output = 0; output < outputs; output++) {
    for (let k = 0; k < q; k++) {
      for (let input = 0; input < inputs; input++) {
        const factor = down.data[k * inputs + input]!
        const from = (output * q + k) * inside
        const to = (output * inputs + input) * inside
        for (let cell = 0; cell < inside; cell++) product[to + cell]! += widened[from + cell]! * factor
      }
    }
  }
  return product
}
