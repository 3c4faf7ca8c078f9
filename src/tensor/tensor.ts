/** A dense float32 array in C order. `data.length` is the product of `shape`; a scalar has shape `[]`. */
export interface Tensor {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** Number of values in a shape. */
export function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
