import { countElements, type Tensor } from '../tensor/tensor.ts'
import type { DenoiserFeeds } from './graphs/denoiser.ts'

/** What a text makes of a run of the denoiser. */
export interface ScheduledFeeds {
  feeds: DenoiserFeeds
  /** In place of `feeds` up to and with a step, counted from 0; in order. */
  changes?: readonly { until: number; feeds: DenoiserFeeds }[] | undefined
}

/** One run of the denoiser within a step. `feeds` are everything but latents and timestep. */
export interface Branch extends ScheduledFeeds {
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

/** A branch with the feeds that it has at a step. */
export function branchAt(branch: Branch, step: number): Branch {
  const change = branch.changes?.find(({ until }) => step <= until)
  return change ? { ...branch, feeds: change.feeds } : branch
}

/** The same branch with further feeds at every step. */
export function extendFeeds({ feeds, changes, ...rest }: Branch, further: DenoiserFeeds): Branch {
  const extended = changes?.map((change) => ({ ...change, feeds: { ...change.feeds, ...further } }))
  return { ...rest, feeds: { ...feeds, ...further }, changes: extended }
}

/** Classifier-free guidance towards several prompts at once: negative + scale · Σ weight · (positive − negative) (arXiv 2206.01714). */
export function combinedGuidance(
  negative: Branch,
  positives: readonly { branch: Branch; weight: number }[],
  scale: number,
  rescale = 0,
): Guidance {
  const [first] = positives
  const single = classifierFreeGuidance(negative, first!.branch, scale, rescale)
  if (positives.length === 1 && first!.weight === 1) return single
  return {
    branches: [single.branches[0]!, ...positives.map(({ branch }) => branch)],
    combine: ([without, ...within]) => {
      const data = without!.data.slice()
      for (const [part, { weight }] of positives.entries()) {
        const towards = within[part]!.data
        for (let i = 0; i < data.length; i++) data[i]! += weight * (towards[i]! - without!.data[i]!)
      }
      return single.combine([without!, { data, shape: without!.shape }])
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
