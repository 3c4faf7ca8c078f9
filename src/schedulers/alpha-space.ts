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
  const signal = fround(sqrt(alphaCumprod))
  const spread = fround(sqrt(fround(1 - alphaCumprod)))
  const length = latents.length
  const original = new Float32Array(length)
  switch (type) {
    case 'epsilon':
      for (let i = 0; i < length; i++) original[i] = fround(latents[i]! - fround(spread * prediction[i]!)) / signal
      return { original, noise: prediction.length === length ? prediction : prediction.subarray(0, length) }
    case 'v_prediction': {
      const noise = new Float32Array(length)
      for (let i = 0; i < length; i++) {
        original[i] = fround(signal * latents[i]!) - fround(spread * prediction[i]!)
        noise[i] = fround(signal * prediction[i]!) + fround(spread * latents[i]!)
      }
      return { original, noise }
    }
    default:
      original.set(prediction.length === length ? prediction : prediction.subarray(0, length))
      return { original, noise: noiseToward(original, latents, alphaCumprod) }
  }
}

/** The noise that, with this clean picture, makes up the latents. */
export function noiseToward(original: Float32Array, latents: Float32Array, alphaCumprod: number): Float32Array {
  const signal = fround(sqrt(alphaCumprod))
  const spread = fround(sqrt(fround(1 - alphaCumprod)))
  return latents.map((value, i) => fround(value - fround(signal * original[i]!)) / spread)
}

/** Shares of picture and noise at a level ᾱ. */
export function alphaNoiseWeights(alphaCumprod: number): readonly [clean: number, noise: number] {
  return [fround(sqrt(alphaCumprod)), fround(sqrt(fround(1 - alphaCumprod)))]
}
