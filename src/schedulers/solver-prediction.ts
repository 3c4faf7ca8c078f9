import { addScaled, subtractScaledAndDivide, weightedSum } from '../tensor/arithmetic.ts'
import { type ThresholdingConfig, thresholdSample } from './clipping.ts'
import type { PredictionType } from './scheduler.ts'
import type { StepInput } from './scheduler-kind.ts'
import type { SolverLevel } from './solver-levels.ts'

/** The clean picture by a prediction at a level; every array operation is rounded to float32 as in torch. */
function pictureOf(type: PredictionType, prediction: Float32Array, latents: Float32Array, level: SolverLevel): Float32Array {
  const { alpha, sigma } = level
  switch (type) {
    case 'epsilon':
      return subtractScaledAndDivide(latents, sigma, prediction, alpha)
    case 'v_prediction':
      return weightedSum(alpha, latents, -sigma, prediction)
    case 'flow_prediction':
      return addScaled(latents, -level.tableSigma, prediction)
    default:
      return prediction.slice(0, latents.length)
  }
}

/** The noise by a prediction at a level. */
function noiseOf(type: PredictionType, prediction: Float32Array, latents: Float32Array, level: SolverLevel): Float32Array {
  const { alpha, sigma } = level
  switch (type) {
    case 'epsilon':
      return prediction.slice(0, latents.length)
    case 'v_prediction':
      return weightedSum(sigma, latents, alpha, prediction)
    default:
      return noiseBeside(prediction, latents, level)
  }
}

/** The noise that, with this clean picture, makes up the latents. */
export function noiseBeside(picture: Float32Array, latents: Float32Array, { alpha, sigma }: SolverLevel): Float32Array {
  return subtractScaledAndDivide(latents, alpha, picture, sigma)
}

/** A prediction in the two forms that callers need. */
export interface SolverPrediction {
  /** What the solver integrates: the picture or the noise. */
  readonly output: Float32Array
  readonly denoised: Float32Array
}

/** Converts a prediction to the picture, with dynamic thresholding where configured. */
export function convertToPicture(
  type: PredictionType,
  { prediction, latents }: Pick<StepInput, 'prediction' | 'latents'>,
  level: SolverLevel,
  config: ThresholdingConfig,
): SolverPrediction {
  const picture = pictureOf(type, prediction, latents, level)
  if (config.thresholding) thresholdSample(picture, config)
  return { output: picture, denoised: picture }
}

/** Converts a prediction to the noise; thresholding goes by way of the picture. */
export function convertToNoise(
  type: PredictionType,
  { prediction, latents }: Pick<StepInput, 'prediction' | 'latents'>,
  level: SolverLevel,
  config: ThresholdingConfig,
): SolverPrediction {
  const noise = noiseOf(type, prediction, latents, level)
  const picture = pictureOf('epsilon', noise, latents, level)
  if (!config.thresholding) return { output: noise, denoised: picture }
  thresholdSample(picture, config)
  return { output: noiseBeside(picture, latents, level), denoised: picture }
}
