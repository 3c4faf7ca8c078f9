import type { NpyArray } from './read-npy.ts'

/** How a VAE's latents relate to the denoiser's. */
export interface LatentScale {
  scaling: number
  shift: number
}

/** What a decoder was given, [1, C, h, w], as the denoiser's latents. */
export function toDenoiserScale({ shape, values }: NpyArray, { scaling, shift }: LatentScale): NpyArray {
  return { shape, values: values.map((value) => (value - shift) * scaling) }
}

/** [1, C, h, w] in the order of tokens of 2×2 latents. */
export function toTokenOrder({ shape, values }: NpyArray): NpyArray {
  const [, channels = 1, height = 1, width = 1] = shape
  const ordered: number[] = []
  for (let row = 0; row < height; row += 2) {
    for (let column = 0; column < width; column += 2) {
      for (let channel = 0; channel < channels; channel++) {
        for (const y of [row, row + 1]) {
          for (const x of [column, column + 1]) ordered.push(values[(channel * height + y) * width + x]!)
        }
      }
    }
  }
  return { shape: [1, (height * width) / 4, channels * 4], values: Float64Array.from(ordered) }
}
