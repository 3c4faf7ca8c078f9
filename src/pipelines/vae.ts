import type { CallContext } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import type { GraphSignature } from '../onnx-proto/graph-signature.ts'
import type { DrawNoise } from '../schedulers/scheduler.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { VaeConfig } from './folder/vae-config.ts'
import type { GraphStore } from './graphs/graph-store.ts'
import { type EncodedPicture, VaeDecoder, VaeEncoder } from './graphs/vae-graphs.ts'

export interface VaeOptions {
  config: VaeConfig
  store: GraphStore
  decoder: GraphSignature
  /** Absent where the folder has no encoder. */
  encoder: GraphSignature | undefined
}

/** A VAE: between pictures of −1 … 1 and the latents that the denoiser works on. */
export class Vae {
  readonly config: VaeConfig
  readonly #options: VaeOptions
  /** Several images of one request start from one source. */
  readonly #encoded = new WeakMap<Tensor, EncodedPicture>()

  constructor(options: VaeOptions) {
    this.config = options.config
    this.#options = options
  }

  /** Denoiser latents [1, C, h, w] to a picture [1, 3, H, W]. */
  async decode(latents: Tensor, context: CallContext): Promise<Tensor> {
    const decoder = await this.#decoder(context)
    return await decoder.decode(toVaeLatents(latents, this.config))
  }

  /** A picture to denoiser latents. Draws from the posterior where the graph gives one. */
  async encode(picture: Tensor, drawNoise: DrawNoise, context: CallContext): Promise<Tensor> {
    return toDenoiserLatents(samplePosterior(await this.#encode(picture, context), drawNoise), this.config)
  }

  /** A picture to VAE latents at the posterior's mean, not scaled. Draws nothing. */
  async encodeMode(picture: Tensor, context: CallContext): Promise<Tensor> {
    const encoded = await this.#encode(picture, context)
    return encoded.kind === 'latents' ? encoded.latents : firstHalf(encoded.moments)
  }

  /** Moves the generator as encoding a picture would, without encoding one. */
  async drawPosterior(latentShape: readonly number[], drawNoise: DrawNoise, context: CallContext): Promise<void> {
    if ((await this.#encoder(context)).givesMoments) drawNoise(latentShape)
  }

  async #encode(picture: Tensor, context: CallContext): Promise<EncodedPicture> {
    const held = this.#encoded.get(picture)
    if (held) return held
    const encoded = await (await this.#encoder(context)).encode(picture)
    this.#encoded.set(picture, encoded)
    return encoded
  }

  async #encoder(context: CallContext): Promise<VaeEncoder> {
    const { encoder, store, config } = this.#options
    if (!encoder) {
      throw new DiffgentorError(
        'unsupported',
        'This model has no VAE encoder (vae_encoder/model.onnx), so it cannot edit pictures.',
      )
    }
    return await store.get({
      signature: encoder,
      name: 'vae_encoder',
      stage: 'vae',
      wrap: (session) => new VaeEncoder(session, config.latentChannels),
      context,
    })
  }

  async #decoder(context: CallContext): Promise<VaeDecoder> {
    const { decoder, store } = this.#options
    return await store.get({
      signature: decoder,
      name: 'vae_decoder',
      stage: 'vae',
      wrap: (session) => new VaeDecoder(session),
      context,
    })
  }

  /** Loads the decoder. */
  async warmUp(context: CallContext): Promise<void> {
    await this.#decoder(context)
  }
}

function toVaeLatents({ data, shape }: Tensor, config: VaeConfig): Tensor {
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

function toDenoiserLatents({ data, shape }: Tensor, { mean, std, scaling, shift }: VaeConfig): Tensor {
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

function samplePosterior(encoded: EncodedPicture, drawNoise: DrawNoise): Tensor {
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

function firstHalf({ data, shape: [, channels, height, width] }: Tensor): Tensor {
  return { data: data.slice(0, data.length / 2), shape: [1, channels! / 2, height!, width!] }
}
