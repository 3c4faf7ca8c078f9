import { type ConfigOf, flag, number } from './config-fields.ts'

const { fround } = Math

/** Keys of dynamic thresholding. */
export const THRESHOLDING_FIELDS = {
  thresholding: flag(false),
  dynamic_thresholding_ratio: number(0.995),
  sample_max_value: number(1),
}

/** Keys of the classes that also clip to a fixed range. */
export const CLIPPING_FIELDS = { ...THRESHOLDING_FIELDS, clip_sample: flag(true), clip_sample_range: number(1) }

export type ThresholdingConfig = ConfigOf<typeof THRESHOLDING_FIELDS>
export type ClippingConfig = ConfigOf<typeof CLIPPING_FIELDS>

/** Thresholds or clips a predicted picture in place, as the configuration says; leaves it alone where it says neither. */
export function clipSample(values: Float32Array, config: ClippingConfig): void {
  if (config.thresholding) thresholdSample(values, config)
  else if (config.clip_sample) clamp(values, fround(config.clip_sample_range))
}

/** Dynamic thresholding, in place: the given quantile of the magnitudes becomes 1 (Saharia et al., Imagen, 2022). */
export function thresholdSample(values: Float32Array, config: ThresholdingConfig): void {
  const quantile = quantileOf(values.map(Math.abs).sort(), config.dynamic_thresholding_ratio)
  const limit = fround(Math.min(Math.max(quantile, 1), config.sample_max_value))
  clamp(values, limit)
  for (let index = 0; index < values.length; index++) values[index] = values[index]! / limit
}

function clamp(values: Float32Array, limit: number): void {
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    if (value > limit) values[index] = limit
    else if (value < -limit) values[index] = -limit
  }
}

function quantileOf(sorted: Float32Array, ratio: number): number {
  const rank = ratio * (sorted.length - 1)
  const low = Math.floor(rank)
  const high = Math.ceil(rank)
  return sorted[low]! + (rank - low) * (sorted[high]! - sorted[low]!)
}
