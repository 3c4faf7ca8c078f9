import { type ThresholdingConfig, thresholdSample } from './clipping.ts'
import type { PredictionType } from './scheduler.ts'
import type { SolverLevel } from './solver-levels.ts'

const { fround } = Math

/** The clean picture by a prediction at a level; every array operation is rounded to float32 as in torch. */
export function pictureOf(
  type: PredictionType,
  prediction: Float32Array,
  latents: Float32Array,
  level: SolverLevel,
): Float32Array {
  const { alpha, sigma } = level
  switch (type) {
    case 'epsilon':
      return latents.map((value, i) => fround(value - fround(sigma * prediction[i]!)) / alpha)
    case 'v_prediction':
      return latents.map((value, i) => fround(alpha * value) - fround(sigma * prediction[i]!))
    case 'flow_prediction':
      return latents.map((value, i) => value - fround(sigma * prediction[i]!))
    default:
      return prediction.slice(0, latents.length)
  }
}

/** The noise by a prediction at a level. */
export function noiseOf(type: PredictionType, prediction: Float32Array, latents: Float32Array, level: SolverLevel): Float32Array {
  const { alpha, sigma } = level
  switch (type) {
    case 'epsilon':
      return prediction.slice(0, latents.length)
    case 'v_prediction':
      return latents.map((value, i) => fround(alpha * prediction[i]!) + fround(sigma * value))
    case 'flow_prediction':
      return latents.map((value, i) => value + fround(fround(1 - sigma) * prediction[i]!))
    default:
      return noiseBeside(prediction, latents, level)
  }
}

/** The noise that, with this clean picture, makes up the latents. */
export function noiseBeside(picture: Float32Array, latents: Float32Array, { alpha, sigma }: SolverLevel): Float32Array {
  return latents.map((value, i) => fround(value - fround(alpha * picture[i]!)) / sigma)
}

export interface SolverPrediction {
  /** What the solver integrates: the picture or the noise. */
  readonly output: Float32Array
  readonly denoised: Float32Array
}

/** Converts a prediction to what the solver integrates, with dynamic thresholding where configured. */
export function convertPrediction(
  type: PredictionType,
  solvesForPicture: boolean,
  prediction: Float32Array,
  latents: Float32Array,
  level: SolverLevel,
  config: ThresholdingConfig,
): SolverPrediction {
  if (solvesForPicture) {
    const picture = pictureOf(type, prediction, latents, level)
    if (config.thresholding) thresholdSample(picture, config)
    return { output: picture, denoised: picture }
  }
  const noise = noiseOf(type, prediction, latents, level)
  const picture = pictureOf(
    type === 'flow_prediction' ? type : 'epsilon',
    type === 'flow_prediction' ? prediction : noise,
    latents,
    level,
  )
  if (!config.thresholding) return { output: noise, denoised: picture }
  thresholdSample(picture, config)
  return { output: noiseBeside(picture, latents, level), denoised: picture }
}
