import type { GeneratedImage } from '../../src/contract/index.ts'
import type { NpyArray } from './read-npy.ts'

/** Greatest differences of one image. */
export interface Deviation {
  latents: number
  largestLatent: number
  levels: number
  share: number
}

/** How far a result may lie from the recorded one. */
export interface Tolerance {
  /** Share of the largest golden latent, or of 1 where all are smaller. */
  latents: number
  /** Largest difference of a color value, in levels. */
  levels: number
  /** Share of color values that may differ at all. */
  share: number
}

export const FLOAT32_TOLERANCE: Tolerance = { latents: 5e-5, levels: 1, share: 0.002 }

/** ONNX Runtime and diffusers round half-precision activations at other places. */
export const FLOAT16_TOLERANCE: Tolerance = { latents: 5e-3, levels: 2, share: 0.1 }

/** The greatest difference of latents as a share of the largest one, or of 1 where all are smaller. */
export function relativeLatents({ latents, largestLatent }: Deviation): number {
  return latents / Math.max(1, largestLatent)
}

/** Compares image `index` of a result with recorded latents [..., n, C, h, w] (the last step counts) and pixels [n, H, W, 3]. */
export function measureDeviation(image: GeneratedImage, index: number, latents: NpyArray, pixels?: NpyArray): Deviation {
  const golden = lastLatents(latents, index)
  const drawn = readFloats(image.latents!)
  const { levels, share } = pixels ? comparePixels(image, index, pixels) : { levels: 0, share: 0 }
  return { latents: greatestDifference(drawn, golden), largestLatent: Math.max(...golden.map(Math.abs)), levels, share }
}

function lastLatents({ shape, values }: NpyArray, index: number): Float64Array {
  const [count = 1] = shape.slice(-4)
  const length = shape.slice(-3).reduce((product, size) => product * size, 1)
  const start = values.length - (count - index) * length
  return values.subarray(start, start + length)
}

/** Values of a float32 `.npy` file in memory. */
export function readFloats(file: Uint8Array): Float32Array {
  const headerLength = file[8]! + 256 * file[9]!
  return new Float32Array(file.slice(10 + headerLength).buffer)
}

function comparePixels({ picture }: GeneratedImage, index: number, golden: NpyArray): { levels: number; share: number } {
  if (picture.kind !== 'raw') throw new Error('expected raw pixels')
  const size = [picture.height, picture.width, picture.channels].join('x')
  if (size !== golden.shape.slice(1).join('x')) throw new Error(`drew ${size}, the golden is ${golden.shape.slice(1).join('x')}`)
  const { pixels } = picture
  const expected = golden.values.subarray(index * pixels.length, (index + 1) * pixels.length)
  let off = 0
  for (let i = 0; i < pixels.length; i++) if (pixels[i] !== expected[i]) off++
  return { levels: greatestDifference(pixels, expected), share: off / pixels.length }
}

function greatestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values, the golden has ${b.length}`)
  let greatest = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!)
    if (!(difference <= greatest)) greatest = difference
  }
  return greatest
}
