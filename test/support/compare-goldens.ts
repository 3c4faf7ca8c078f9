import { expect } from 'vitest'
import type { Deviation } from './measure-deviation.ts'

export { type Deviation, measureDeviation, readFloats } from './measure-deviation.ts'

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

export function expectWithin({ latents, largestLatent, levels, share }: Deviation, tolerance: Tolerance): void {
  expect(latents).toBeLessThanOrEqual(tolerance.latents * Math.max(1, largestLatent))
  expect(levels).toBeLessThanOrEqual(tolerance.levels)
  expect(share).toBeLessThanOrEqual(tolerance.share)
}
