import { DiffgentorError } from '../../errors.ts'
import { decodeHalf, encodeHalf } from '../../onnx-runtime/half-float.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { LoraModule } from './lora-file.ts'
import { fullUpdate, transpose } from './lora-update.ts'
import type { WeightLayout } from './module-sites.ts'

/** One LoRA module with the weight at which it is added. */
export interface WeightedModule {
  lora: LoraModule
  weight: number
  /** Names the LoRA's file and its state. */
  version: string
}

/** A stored weight: float32 or float16, in the layout of its node. */
export interface StoredWeight {
  bytes: Uint8Array
  dims: readonly number[]
  dtype: 'float32' | 'float16'
  layout: WeightLayout
}

/** The stored weight with every update added, in the same layout and type. Sums in float32, rounded once. */
export function mergeWeight(stored: StoredWeight, updates: readonly WeightedModule[]): Uint8Array {
  const base = readOutIn(stored)
  const merged = Float32Array.from(base.data)
  for (const { lora, weight } of updates) {
    const change = weightChange(base, lora, weight)
    for (let index = 0; index < merged.length; index++) merged[index]! += change[index]!
  }
  return writeLayout({ data: merged, shape: base.shape }, stored)
}

function readOutIn({ bytes, dims, dtype, layout }: StoredWeight): Tensor {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  const { buffer, byteOffset, byteLength } = aligned
  const data =
    dtype === 'float32'
      ? new Float32Array(buffer, byteOffset, byteLength / 4)
      : decodeHalf(new Uint16Array(buffer, byteOffset, byteLength / 2))
  return layout === 'in-out' ? transpose({ data, shape: dims }) : { data, shape: dims }
}

function writeLayout(merged: Tensor, { dtype, layout }: StoredWeight): Uint8Array {
  const { data } = layout === 'in-out' ? transpose(merged) : merged
  const { buffer, byteOffset, byteLength } = dtype === 'float32' ? data : encodeHalf(data)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function weightChange(base: Tensor, lora: LoraModule, weight: number): Float32Array {
  const update = fullUpdate(lora)
  if (update.length !== base.data.length) {
    throw new DiffgentorError(
      'model_unreadable',
      `The LoRA module ${lora.module} was made for another model: it has ${update.length} values where the weight has ${base.data.length}.`,
      { field: 'loras' },
    )
  }
  const scaled = update.map((value) => value * weight)
  return lora.parts.magnitude === undefined ? scaled : decomposedChange(base, scaled, lora.parts.magnitude)
}

/** DoRA (arXiv 2402.09353): `magnitude · (W + ΔW) / ‖W + ΔW‖`, with one norm for each output, or each input where the magnitudes are so stored. */
function decomposedChange(base: Tensor, update: Float32Array, magnitude: Tensor): Float32Array {
  const outputs = base.shape[0] ?? 1
  const inputs = base.shape[1] ?? 1
  const inside = base.data.length / (outputs * inputs)
  const isByOutput =
    magnitude.data.length === outputs && !(magnitude.shape[0] === 1 && magnitude.shape[1] === inputs && inputs !== outputs)
  const groupOf = isByOutput
    ? (index: number) => Math.floor(index / (inputs * inside))
    : (index: number) => Math.floor(index / inside) % inputs
  const squares = new Float64Array(isByOutput ? outputs : inputs)
  for (let index = 0; index < update.length; index++) squares[groupOf(index)]! += (base.data[index]! + update[index]!) ** 2
  const factors = Array.from(squares, (square, group) => magnitude.data[group]! / Math.sqrt(square))
  return update.map((value, index) => (base.data[index]! + value) * factors[groupOf(index)]! - base.data[index]!)
}
