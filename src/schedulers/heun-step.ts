import { addScaled, weightedSum } from '../tensor/arithmetic.ts'
import type { PredictionType } from './scheduler.ts'
import type { StepInput, StepOutput } from './scheduler-kind.ts'
import { predictOriginal, slopeAt } from './sigma-space.ts'

const { fround } = Math

/** Each level but the first and the final one twice: where a step ends and where the next begins. */
export function repeatInnerSigmas(sigmas: readonly number[], final: number): Float32Array {
  return Float32Array.from([sigmas[0]!, ...sigmas.slice(1).flatMap((sigma) => [sigma, sigma]), final])
}

/** Every timestep but the first twice: the end of a step is evaluated before the next begins there. */
export function repeatTimesteps(timesteps: readonly number[]): number[] {
  return [timesteps[0]!, ...timesteps.slice(1).flatMap((timestep) => [timestep, timestep])]
}

/**
 * Heun's method (Karras et al. 2022, algorithm 1): Euler to the next level, then again from the start with the mean of the slopes
 * at both ends. The last step, to level 0, has no second half. `adjust` changes the predicted picture in place.
 */
export function createHeunStep(
  sigmas: Float32Array,
  predictionType: PredictionType,
  adjust: (original: Float32Array) => void = () => {},
): (input: StepInput) => StepOutput {
  let first: { latents: Float32Array; slope: Float32Array; change: number } | undefined
  return ({ prediction, latents, index }) => {
    const sigma = sigmas[index]!
    const original = predictOriginal(predictionType, prediction, latents, sigma)
    adjust(original)
    if (first === undefined) {
      const change = fround(sigmas[index + 1]! - sigma)
      const slope = slopeAt(latents, original, sigma)
      first = { latents, change, slope }
      return { latents: addScaled(latents, change, slope), denoised: original }
    }
    const { latents: start, slope, change } = first
    first = undefined
    const mean = weightedSum(0.5, slope, 0.5, slopeAt(latents, original, sigma))
    return { latents: addScaled(start, change, mean), denoised: original }
  }
}
