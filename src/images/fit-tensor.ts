import type { Size } from '../contract/index.ts'
import type { Tensor } from '../tensor/tensor.ts'

const { fround } = Math

/** Scales a float32 [1, channels, h, w] tensor until it covers a size, then cuts its middle out, as diffusers does after binning. */
export function coverTensor(tensor: Tensor, { width, height }: Size): Tensor {
  const [, , tall, wide] = tensor.shape as [number, number, number, number]
  if (tall === height && wide === width) return tensor
  const factor = Math.max(height / tall, width / wide)
  const scaled = resizeTensorBilinear(tensor, { width: Math.trunc(wide * factor), height: Math.trunc(tall * factor) })
  return cropMiddle(scaled, { width, height })
}

/** torch's bilinear interpolation between pixel centers, without a filter against aliasing. */
function resizeTensorBilinear(tensor: Tensor, size: Size): Tensor {
  const [count, channels, height, width] = tensor.shape as [number, number, number, number]
  const rows = planAxis(height, size.height)
  const columns = planAxis(width, size.width)
  const { data } = tensor
  const result = new Float32Array(count * channels * size.height * size.width)
  let to = 0
  for (let plane = 0; plane < count * channels; plane++) {
    const start = plane * height * width
    for (let y = 0; y < size.height; y++) {
      const upper = start + rows.first[y]! * width
      const lower = start + rows.second[y]! * width
      const share = rows.share[y]!
      for (let x = 0; x < size.width; x++) {
        const [left, right, across] = [columns.first[x]!, columns.second[x]!, columns.share[x]!]
        const above = data[upper + left]! * (1 - across) + data[upper + right]! * across
        const below = data[lower + left]! * (1 - across) + data[lower + right]! * across
        result[to++] = above * (1 - share) + below * share
      }
    }
  }
  return { data: result, shape: [count, channels, size.height, size.width] }
}

/** The two neighbors of every place on an axis, and the share of the second. */
function planAxis(length: number, resized: number) {
  const plan = { first: new Int32Array(resized), second: new Int32Array(resized), share: new Float32Array(resized) }
  const scale = fround(length / resized)
  for (let i = 0; i < resized; i++) {
    const position = Math.max(0, fround(fround(scale * (i + 0.5)) - 0.5))
    const first = Math.min(length - 1, Math.floor(position))
    plan.first[i] = first
    plan.second[i] = Math.min(length - 1, first + 1)
    plan.share[i] = fround(position - first)
  }
  return plan
}

function cropMiddle({ data, shape }: Tensor, { width, height }: Size): Tensor {
  const [count, channels, tall, wide] = shape as [number, number, number, number]
  const left = Math.floor((wide - width) / 2)
  const top = Math.floor((tall - height) / 2)
  const result = new Float32Array(count * channels * height * width)
  let to = 0
  for (let plane = 0; plane < count * channels; plane++) {
    for (let y = 0; y < height; y++, to += width) {
      const from = (plane * tall + top + y) * wide + left
      result.set(data.subarray(from, from + width), to)
    }
  }
  return { data: result, shape: [count, channels, height, width] }
}
