import { addScaled, divideBy, subtractScaledAndDivide } from '../tensor/arithmetic.ts'
import type { PredictionType } from './scheduler.ts'

const { fround, sqrt } = Math

/**
 * The clean picture x₀ in noisy latents x₀ + σ·ε, by a prediction. Every array operation is rounded to float32 as in torch.
 *
 * `raisedSigma` is the level after Euler's churn; v-prediction does not know it.
 */
export function predictOriginal(
  type: PredictionType,
  prediction: Float32Array,
  latents: Float32Array,
  sigma: number,
  raisedSigma = sigma,
): Float32Array {
  switch (type) {
    case 'epsilon':
    case 'flow_prediction':
      return addScaled(latents, -raisedSigma, prediction)
    case 'v_prediction': {
      const power = fround(fround(sigma * sigma) + 1)
      const weight = fround(-sigma / fround(sqrt(power)))
      return addScaled(divideBy(latents, power), weight, prediction)
    }
    default:
      return prediction.slice()
  }
}

/** Euler's step from `sigma` by `change`, along the line away from the predicted picture. */
export function moveAlongDerivative(latents: Float32Array, original: Float32Array, sigma: number, change: number): Float32Array {
  return addScaled(latents, change, slopeAt(latents, original, sigma))
}

/** (x − x₀) / σ, the direction away from the predicted picture. */
export function slopeAt(latents: Float32Array, original: Float32Array, sigma: number): Float32Array {
  return subtractScaledAndDivide(latents, 1, original, sigma)
}

/** √(σ² + 1): what latents are divided by before the denoiser sees them. */
export function inputDivisorAt(sigma: number): number {
  return fround(sqrt(fround(fround(sigma * sigma) + 1)))
}

/** Factor on the first pure noise, by the highest level in use. */
export function initialNoiseSigma(sigmas: Float32Array, spacing: string): number {
  const highest = sigmas.reduce((most, sigma) => Math.max(most, sigma), 0)
  return spacing === 'leading' ? inputDivisorAt(highest) : highest
}
