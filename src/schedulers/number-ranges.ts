import { fusedMultiplyAdd } from '../tensor/fused-multiply-add.ts'

const { fround } = Math

/** Rounds to the nearest integer, ties to even, as NumPy does. */
export function roundHalfToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/** `numpy.linspace(start, stop, count)` in double. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1)
  return Array.from({ length: count }, (_, index) => {
    if (index === 0) return start
    return index === count - 1 ? stop : index * step + start
  })
}

/** `torch.linspace(start, stop, count)` in float32: from both ends toward the middle, with fused multiply-add. */
export function linspaceFloat32(start: number, stop: number, count: number): Float32Array {
  const first = fround(start)
  const last = fround(stop)
  const step = fround(fround(last - first) / (count - 1))
  return Float32Array.from({ length: count }, (_, index) =>
    index < count / 2 ? fusedMultiplyAdd(step, index, first) : fusedMultiplyAdd(-step, count - 1 - index, last),
  )
}

/** `numpy.arange(start, 0, -step)`, with its rounding: for some steps it has one element more than start / step. */
export function arangeDown(start: number, step: number): number[] {
  const difference = start - step - start
  return Array.from({ length: Math.ceil(start / step) }, (_, index) => start + index * difference)
}

/** `numpy.interp` over the whole numbers 0, 1, 2 …: the table's value at a fractional position, clamped to the ends. */
export function interpolateAt(table: ArrayLike<number>, position: number): number {
  if (position <= 0) return table[0]!
  if (position >= table.length - 1) return table[table.length - 1]!
  const low = Math.floor(position)
  return (table[low + 1]! - table[low]!) * (position - low) + table[low]!
}
