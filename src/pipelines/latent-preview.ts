import type { RawPicture } from '../contract/index.ts'
import { tensorToPicture } from '../images/picture-tensor.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { solveLinearSystem } from './linear-system.ts'

/** Keeps the fit defined where channels of a picture do not vary. */
const RIDGE = 1e-3
const COLORS = 3
/** Latents of one picture that enter the fit: plenty for a few hundred unknowns. */
const SAMPLES = 1024
/** Latents after which the fit stays as it is. */
const ENOUGH_SAMPLES = 16 * SAMPLES

/** A linear map from latents to colors, fitted to the pictures that were decoded in full: rough, but free. */
export class LatentPreview {
  /** Sums over all latents seen: of the products of two channels, and of a channel with a color. The last channel is always 1. */
  #products: number[][] | undefined
  #targets: number[][] = []
  #seen = 0
  /** One row a color: a weight for each channel, then the offset. */
  #weights: number[][] | undefined

  get isReady(): boolean {
    return this.#products !== undefined
  }

  /** Takes latents [1, C, h, w] and their picture [1, 3, H, W] into the fit. */
  learn(latents: Tensor, picture: Tensor): void {
    if (this.#seen >= ENOUGH_SAMPLES) return
    const [, channels = 1, height = 1, width = 1] = latents.shape
    const plane = height * width
    const size = channels + 1
    this.#products ??= emptyRows(size, size)
    if (this.#targets.length === 0) this.#targets = emptyRows(COLORS, size)
    const means = shrink(picture, { height, width })
    const features = new Float64Array(size).fill(1)
    const stride = Math.ceil(plane / SAMPLES)
    for (let at = 0; at < plane; at += stride) {
      for (let i = 0; i < channels; i++) features[i] = latents.data[i * plane + at]!
      for (let i = 0; i < size; i++) {
        const row = this.#products[i]!
        const feature = features[i]!
        for (let j = 0; j < size; j++) row[j]! += feature * features[j]!
        for (let color = 0; color < COLORS; color++) this.#targets[color]![i]! += feature * means[color * plane + at]!
      }
      this.#seen++
    }
    this.#weights = undefined
  }

  /** A picture of one pixel a latent. Only once something was learned. */
  render({ data, shape }: Tensor): RawPicture {
    const [, channels = 1, height = 1, width = 1] = shape
    const plane = height * width
    const colors = new Float32Array(COLORS * plane)
    this.#weights ??= this.#fit()
    for (const [color, weights] of this.#weights.entries()) {
      for (let at = 0; at < plane; at++) {
        let value = weights[channels]!
        for (let channel = 0; channel < channels; channel++) value += weights[channel]! * data[channel * plane + at]!
        colors[color * plane + at] = value
      }
    }
    return tensorToPicture({ data: colors, shape: [1, COLORS, height, width] })
  }

  #fit(): number[][] {
    const matrix = this.#products!.map((row, i) => row.map((value, j) => (i === j ? value + RIDGE * this.#seen : value)))
    return this.#targets.map((target) => solveLinearSystem(matrix, target))
  }
}

function emptyRows(rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, () => new Array<number>(columns).fill(0))
}

/** Means over the pixels of each latent. */
function shrink({ data, shape }: Tensor, { height, width }: { height: number; width: number }): Float32Array {
  const [, , tall = 1, wide = 1] = shape
  const means = new Float32Array(COLORS * height * width)
  const share = (height * width) / (tall * wide)
  for (let color = 0; color < COLORS; color++) {
    for (let y = 0; y < tall; y++) {
      const row = (color * height + Math.floor((y * height) / tall)) * width
      for (let x = 0; x < wide; x++) means[row + Math.floor((x * width) / wide)]! += data[(color * tall + y) * wide + x]! * share
    }
  }
  return means
}
