import type { Tensor } from '../../tensor/tensor.ts'
import { countElements } from '../../tensor/tensor.ts'

/** Tensors behind one another as one row [1, values], which a scheduler steps as a whole. */
export function joinParts(parts: readonly Tensor[]): Tensor {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part.data, at)
    at += part.data.length
  }
  return { data, shape: [1, data.length] }
}

/** The way back, to tensors of the shapes given. They share the row's memory. */
export function splitParts<const Shapes extends readonly (readonly number[])[]>(
  { data }: Tensor,
  shapes: Shapes,
): { [Part in keyof Shapes]: Tensor } {
  let at = 0
  return shapes.map((shape) => {
    const end = at + countElements(shape)
    const part = { data: data.subarray(at, end), shape }
    at = end
    return part
  }) as { [Part in keyof Shapes]: Tensor }
}
