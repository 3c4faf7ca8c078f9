import type { RawPicture, Size } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { toGray } from './convert-channels.ts'

/** The values of a picture tensor: −1 … 1 for a VAE, 0 … 1 for condition pictures. */
export type PictureRange = 'signed' | 'unit'

const UNIT = Float32Array.from({ length: 256 }, (_, value) => value / 255)
/** Rounded to float32 after each operation, as torch does. */
const SIGNED = UNIT.map((value) => 2 * value - 1)

/** Pixels as float32 [1, channels, height, width]. Convert to RGB or gray before, if the model needs it. */
export function pictureToTensor(picture: RawPicture, range: PictureRange = 'signed'): Tensor {
  const { width, height, channels, pixels } = picture
  const table = range === 'signed' ? SIGNED : UNIT
  const plane = width * height
  const data = new Float32Array(plane * channels)
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0, from = channel, to = channel * plane; i < plane; i++, from += channels) data[to + i] = table[pixels[from]!]!
  }
  return { data, shape: [1, channels, height, width] }
}

/** A mask as float32 [1, 1, height, width] of zeros and ones: gray of at least one half is 1, which means repaint. */
export function maskToTensor(mask: RawPicture): Tensor {
  const gray = toGray(mask)
  return { data: Float32Array.from(gray.pixels, (value) => (value >= 128 ? 1 : 0)), shape: [1, 1, gray.height, gray.width] }
}

/** Nearest-neighbor resize of a float32 [n, channels, h, w] tensor, with torch's choice of neighbor. */
export function resizeTensorNearest(tensor: Tensor, size: Size): Tensor {
  const [count, channels, height, width] = tensor.shape as [number, number, number, number]
  const rows = nearestIndices(height, size.height)
  const columns = nearestIndices(width, size.width)
  const data = new Float32Array(count * channels * size.height * size.width)
  let to = 0
  for (let plane = 0; plane < count * channels; plane++) {
    for (const row of rows) {
      const from = (plane * height + row) * width
      for (const column of columns) data[to++] = tensor.data[from + column]!
    }
  }
  return { data, shape: [count, channels, size.height, size.width] }
}

/** torch computes the scale and the position in float32. */
function nearestIndices(length: number, resized: number): Int32Array {
  const scale = Math.fround(length / resized)
  return Int32Array.from({ length: resized }, (_, i) => Math.min(length - 1, Math.floor(Math.fround(i * scale))))
}

/**
 * Picture `index` of a float32 [n, 1 or 3, h, w] tensor of −1 … 1 as 8-bit pixels: halved, shifted, clamped and rounded half to
 * even in float32, as diffusers does. Values that are not numbers are an error: they would make a black picture.
 */
export function tensorToPicture(tensor: Tensor, index = 0): RawPicture {
  const [, channels, height, width] = tensor.shape as [number, 1 | 3, number, number]
  const plane = width * height
  const pixels = new Uint8Array(plane * channels)
  for (let channel = 0; channel < channels; channel++) {
    const start = (index * channels + channel) * plane
    for (let i = 0, to = channel; i < plane; i++, to += channels) pixels[to] = toByte(tensor.data[start + i]!)
  }
  return { kind: 'raw', pixels, width, height, channels }
}

function toByte(value: number): number {
  const unit = Math.fround(Math.fround(value * 0.5) + 0.5)
  if (unit <= 0) return 0
  if (unit >= 1) return 255
  if (Number.isNaN(unit)) throw nanError()
  const scaled = Math.fround(unit * 255)
  const floor = Math.floor(scaled)
  const rest = scaled - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

function nanError(): DiffgentorError {
  return new DiffgentorError(
    'nan_output',
    'The decoded picture contains values that are not numbers, as half-precision VAEs give when they overflow; use a float32 VAE (--vae FOLDER or --torch_dtype float32).',
  )
}
