import type { Layout } from './scheduler-kind.ts'
import { initialNoiseSigma, inputDivisorAt } from './sigma-space.ts'

/** What differs between schedulers that work in noise levels. */
export interface SigmaLayoutParts {
  timesteps: ArrayLike<number>
  /** Noise levels, one per entry and the final one. */
  sigmas: Float32Array
  /** The configured `timestep_spacing`. */
  spacing: string
  /** Default 1. */
  order?: 1 | 2
  step: Layout['step']
  /** The level that the latents of a call have. Default: that of its entry. */
  levelAt?: (index: number) => number
}

/** The layout of a scheduler whose latents are x₀ + σ·ε: they begin at the highest level and are scaled for the denoiser. */
export function sigmaLayout({ timesteps, sigmas, spacing, order = 1, step, levelAt }: SigmaLayoutParts): Layout {
  return {
    timesteps,
    sigmas,
    initNoiseSigma: initialNoiseSigma(sigmas, spacing),
    order,
    step,
    inputDivisor: (index) => inputDivisorAt(levelAt?.(index) ?? sigmas[index]!),
    noiseWeights: (index) => [1, sigmas[index]!],
  }
}
