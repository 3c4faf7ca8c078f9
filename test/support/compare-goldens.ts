import { expect } from 'vitest'
import { type Deviation, relativeLatents, type Tolerance } from './measure-deviation.ts'

export {
  type Deviation,
  FLOAT16_TOLERANCE,
  FLOAT32_TOLERANCE,
  measureDeviation,
  readFloats,
  type Tolerance,
} from './measure-deviation.ts'

export function expectWithin(deviation: Deviation, tolerance: Tolerance): void {
  expect(relativeLatents(deviation)).toBeLessThanOrEqual(tolerance.latents)
  expect(deviation.levels).toBeLessThanOrEqual(tolerance.levels)
  expect(deviation.share).toBeLessThanOrEqual(tolerance.share)
}
