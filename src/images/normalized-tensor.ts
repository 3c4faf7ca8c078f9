import type { RawPicture } from '../contract/index.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Mean and standard deviation of the pictures that CLIP was trained on, for red, green and blue of 0 … 1. */
export interface ColorStatistics {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

export const CLIP_COLORS: ColorStatistics = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
}

/** RGB pixels as float32 [1, 3, height, width], each channel less its mean and over its deviation, as transformers computes them. */
export function pictureToNormalized({ pixels, width, height }: RawPicture, { mean, std }: ColorStatistics): Tensor {
  const plane = width * height
  const data = new Float32Array(3 * plane)
  for (let channel = 0; channel < 3; channel++) {
    const [center, deviation] = [Math.fround(mean[channel]!), Math.fround(std[channel]!)]
    const table = Float32Array.from({ length: 256 }, (_, value) => {
      return Math.fround(Math.fround(value * (1 / 255)) - center) / deviation
    })
    for (let i = 0, from = channel; i < plane; i++, from += 3) data[channel * plane + i] = table[pixels[from]!]!
  }
  return { data, shape: [1, 3, height, width] }
}
