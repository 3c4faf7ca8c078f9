import { countElements, type Tensor } from '../tensor/tensor.ts'

/** Joins tensors [1, C, h, w] of one height and width along the channels. */
export function joinChannels(parts: readonly Tensor[]): Tensor {
  return joinAxis(parts, 1)
}

/** Joins tensors along an axis; all other sizes must be equal. */
export function joinAxis(parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0]!.shape
  const joined = parts.reduce((sum, part) => sum + part.shape[axis]!, 0)
  const shape = first.map((size, i) => (i === axis ? joined : size))
  const inner = countElements(first.slice(axis + 1))
  const outer = countElements(first.slice(0, axis))
  const data = new Float32Array(countElements(shape))
  let offset = 0
  for (let row = 0; row < outer; row++) {
    for (const part of parts) {
      const length = part.shape[axis]! * inner
      data.set(part.data.subarray(row * length, (row + 1) * length), offset)
      offset += length
    }
  }
  return { data, shape }
}

/** Zeros of a shape. */
export function zeros(shape: readonly number[]): Tensor {
  return { data: new Float32Array(countElements(shape)), shape }
}
