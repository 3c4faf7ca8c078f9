import type { RawPicture } from '../contract/index.ts'
import { tensorToPicture } from '../images/picture-tensor.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { solveLinearSystem } from './linear-system.ts'

/** Keeps the fit defined where channels of a picture do not vary. */
const RIDGE = 1e-3
const COLORS = 3

/** A linear map from latents to colors, fitted to a picture that was decoded in full: rough, but free. */
export class LatentPreview {
  /** One row a color: a weight for each channel, then the offset. */
  #weights: number[][] | undefined

  get isReady(): boolean {
    return this.#weights !== undefined
  }

  /** Fits the map by least squares to latents [1, C, h, w] and their picture [1, 3, H, W], unless it was fitted before. */
  learn(latents: Tensor, picture: Tensor): void {
    if (this.#weights) return
    const [, channels = 1, height = 1, width = 1] = latents.shape
    const plane = height * width
    const means = shrink(picture, { height, width })
    const size = channels + 1
    const products = Array.from({ length: size }, () => new Array<number>(size).fill(0))
    const targets = Array.from({ length: COLORS }, () => new Array<number>(size).fill(0))
    for (let at = 0; at < plane; at++) {
      const feature = (i: number) => (i === channels ? 1 : latents.data[i * plane + at]!)
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) products[i]![j]! += feature(i) * feature(j)
        for (let color = 0; color < COLORS; color++) targets[color]![i]! += feature(i) * means[color * plane + at]!
      }
    }
    for (let i = 0; i < size; i++) products[i]![i]! += RIDGE * plane
    this.#weights = targets.map((target) => solveLinearSystem(products, target))
  }

  /** A picture of one pixel a latent. */
  render({ data, shape }: Tensor): RawPicture {
    const [, channels = 1, height = 1, width = 1] = shape
    const plane = height * width
    const colors = new Float32Array(COLORS * plane)
    for (const [color, weights] of this.#weights!.entries()) {
      for (let at = 0; at < plane; at++) {
        let value = weights[channels]!
        for (let channel = 0; channel < channels; channel++) value += weights[channel]! * data[channel * plane + at]!
        colors[color * plane + at] = value
      }
    }
    return tensorToPicture({ data: colors, shape: [1, COLORS, height, width] })
  }
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
