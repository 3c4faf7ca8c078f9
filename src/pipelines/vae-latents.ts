import type { DrawNoise } from '../schedulers/scheduler.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { VaeConfig } from './folder/vae-config.ts'
import type { EncodedPicture } from './graphs/vae-graphs.ts'

/** Denoiser latents to what the decoder graph takes. */
export function toVaeLatents({ data, shape }: Tensor, config: VaeConfig): Tensor {
  const { mean, std, scaling, shift } = config
  const divisor = Math.fround(scaling)
  if (!mean || !std) return { data: data.map((value) => Math.fround(value / divisor) + shift), shape }
  const plane = data.length / shape[1]!
  return {
    data: data.map((value, i) => {
      const channel = Math.floor(i / plane)
      return Math.fround(Math.fround(value * std[channel]!) / divisor) + mean[channel]!
    }),
    shape,
  }
}

/** What the encoder graph gave to what the denoiser works on. */
export function toDenoiserLatents({ data, shape }: Tensor, { mean, std, scaling, shift }: VaeConfig): Tensor {
  const factor = Math.fround(scaling)
  if (!mean || !std) return { data: data.map((value) => Math.fround(value - shift) * factor), shape }
  const plane = data.length / shape[1]!
  return {
    data: data.map((value, i) => {
      const channel = Math.floor(i / plane)
      return Math.fround(Math.fround(value - mean[channel]!) * factor) / std[channel]!
    }),
    shape,
  }
}

/** The logarithm of the variance is kept within these bounds before it is used. */
const LOG_VARIANCE = { least: -30, most: 20 }

/** Draws from the posterior, where there is one. */
export function samplePosterior(encoded: EncodedPicture, drawNoise: DrawNoise): Tensor {
  if (encoded.kind === 'latents') return encoded.latents
  const mean = firstHalf(encoded.moments)
  const noise = drawNoise(mean.shape)
  const logVariance = encoded.moments.data.subarray(mean.data.length)
  const data = mean.data.map((value, i) => {
    const bounded = Math.min(LOG_VARIANCE.most, Math.max(LOG_VARIANCE.least, logVariance[i]!))
    return value + Math.fround(Math.fround(Math.exp(Math.fround(bounded * 0.5))) * noise.data[i]!)
  })
  return { data, shape: mean.shape }
}

/** The first half of the channels: of moments, the mean. */
export function firstHalf({ data, shape: [, channels, height, width] }: Tensor): Tensor {
  return { data: data.slice(0, data.length / 2), shape: [1, channels! / 2, height!, width!] }
}
