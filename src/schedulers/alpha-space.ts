import { subtractScaledAndDivide, weightedSum } from '../tensor/arithmetic.ts'
import type { PredictionType } from './scheduler.ts'

const { fround, sqrt } = Math

/** The clean picture and the noise that a prediction stands for. */
export interface Decomposition {
  readonly original: Float32Array
  readonly noise: Float32Array
}

/** Splits noisy latents √ᾱ·x₀ + √(1−ᾱ)·ε by a prediction; every array operation is rounded to float32 as in torch. */
export function decompose(
  type: PredictionType,
  prediction: Float32Array,
  latents: Float32Array,
  alphaCumprod: number,
): Decomposition {
  const [signal, spread] = alphaNoiseWeights(alphaCumprod)
  // Models that learned their variance predict it in further channels.
  const predicted = prediction.length === latents.length ? prediction : prediction.subarray(0, latents.length)
  switch (type) {
    case 'epsilon':
      return { original: subtractScaledAndDivide(latents, spread, predicted, signal), noise: predicted }
    case 'v_prediction':
      return {
        original: weightedSum(signal, latents, -spread, predicted),
        noise: weightedSum(signal, predicted, spread, latents),
      }
    default:
      return { original: predicted.slice(), noise: noiseToward(predicted, latents, alphaCumprod) }
  }
}

/** The noise that, with this clean picture, makes up the latents. */
export function noiseToward(original: Float32Array, latents: Float32Array, alphaCumprod: number): Float32Array {
  const [signal, spread] = alphaNoiseWeights(alphaCumprod)
  return subtractScaledAndDivide(latents, signal, original, spread)
}

/** Shares of picture and noise at a level ᾱ. */
export function alphaNoiseWeights(alphaCumprod: number): readonly [clean: number, noise: number] {
  return [fround(sqrt(alphaCumprod)), fround(sqrt(fround(1 - alphaCumprod)))]
}
