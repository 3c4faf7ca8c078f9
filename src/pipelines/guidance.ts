import { countElements, type Tensor } from '../tensor/tensor.ts'
import type { DenoiserFeeds } from './graphs/denoiser.ts'

/** One run of the denoiser within a step. */
export interface Branch {
  /** Everything but latents and timestep. */
  feeds: DenoiserFeeds
  /** Channels put behind the scaled latents, such as a mask. */
  appended?: Tensor | undefined
  /** The branch that guidance leads away from. */
  isNegative?: boolean | undefined
}

/** Which runs one step needs, and how their predictions become one. */
export interface Guidance {
  branches: readonly Branch[]
  combine(predictions: readonly Tensor[]): Tensor
}

/** A single run: no guidance, or guidance that the denoiser was taught. */
export function withoutGuidance(branch: Branch): Guidance {
  return { branches: [branch], combine: ([prediction]) => prediction! }
}

/** Classifier-free guidance (arXiv 2207.12598): negative + scale · (positive − negative), rescaled by a share (arXiv 2305.08891 §3.4). */
export function classifierFreeGuidance(negative: Branch, positive: Branch, scale: number, rescale = 0): Guidance {
  const factor = Math.fround(scale)
  return {
    branches: [{ ...negative, isNegative: true }, positive],
    combine: ([without, within]) => {
      const data = new Float32Array(within!.data.length)
      for (let i = 0; i < data.length; i++) {
        const base = without!.data[i]!
        data[i] = base + Math.fround(factor * Math.fround(within!.data[i]! - base))
      }
      const guided = { data, shape: within!.shape }
      return rescale > 0 ? rescaleDeviation(guided, within!, rescale) : guided
    },
  }
}

/** InstructPix2Pix (arXiv 2211.09800): one scale for the instruction, one for the picture. */
export function pix2pixGuidance(
  branches: { text: Branch; picture: Branch; neither: Branch },
  textScale: number,
  pictureScale: number,
): Guidance {
  const forText = Math.fround(textScale)
  const forPicture = Math.fround(pictureScale)
  return {
    branches: [branches.text, branches.picture, branches.neither],
    combine: ([text, picture, neither]) => {
      const data = new Float32Array(text!.data.length)
      for (let i = 0; i < data.length; i++) {
        const base = neither!.data[i]!
        const withPicture = picture!.data[i]!
        const towardsText = Math.fround(forText * Math.fround(text!.data[i]! - withPicture))
        const towardsPicture = Math.fround(forPicture * Math.fround(withPicture - base))
        data[i] = Math.fround(base + towardsText) + towardsPicture
      }
      return { data, shape: text!.shape }
    },
  }
}

function rescaleDeviation(guided: Tensor, positive: Tensor, share: number): Tensor {
  const ratio = Math.fround(deviation(positive) / deviation(guided))
  const kept = Math.fround(share)
  const rest = Math.fround(1 - share)
  const data = guided.data.map((value) => {
    return Math.fround(kept * Math.fround(value * ratio)) + Math.fround(rest * value)
  })
  return { data, shape: guided.shape }
}

/** Standard deviation of a batch of one, Bessel-corrected, as float32. */
function deviation({ data, shape }: Tensor): number {
  const count = countElements(shape)
  const mean = data.reduce((sum, value) => sum + value, 0) / count
  const squares = data.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return Math.fround(Math.sqrt(squares / (count - 1)))
}
