import type { CallContext, RawPicture } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import type { GraphSignature } from '../onnx-proto/graph-signature.ts'
import type { DrawNoise } from '../schedulers/scheduler.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { VaeConfig } from './folder/vae-config.ts'
import type { GraphStore } from './graphs/graph-store.ts'
import { type EncodedPicture, VaeDecoder, VaeEncoder } from './graphs/vae-graphs.ts'
import { LatentPreview } from './latent-preview.ts'
import { firstHalf, samplePosterior, toDenoiserLatents, toVaeLatents } from './vae-latents.ts'
import { runTiled } from './vae-tiling.ts'

export interface VaeOptions {
  config: VaeConfig
  store: GraphStore
  decoder: GraphSignature
  /** Absent where the folder has no encoder. */
  encoder: GraphSignature | undefined
  /** Work in tiles where a picture is larger than those that the VAE was trained on. */
  tiling: boolean
}

/** A VAE: between pictures of −1 … 1 and the latents that the denoiser works on. */
export class Vae {
  readonly config: VaeConfig
  readonly #preview = new LatentPreview()
  readonly #options: VaeOptions
  /** Several images of one request start from one source. */
  readonly #encoded = new WeakMap<Tensor, EncodedPicture>()

  constructor(options: VaeOptions) {
    this.config = options.config
    this.#options = options
  }

  /** Whether the encoder graph draws its own random numbers, which no seed reaches. */
  get encodesAtRandom(): boolean {
    const operators = this.#options.encoder?.operators.get('') ?? new Set()
    return [...operators].some((type) => type.startsWith('Random'))
  }

  /** Denoiser latents [1, C, h, w] to a picture [1, 3, H, W]. */
  async decode(latents: Tensor, context: CallContext): Promise<Tensor> {
    const decoder = await this.#decoder(context)
    const input = toVaeLatents(latents, this.config)
    const { sampleSize, scaleFactor } = this.config
    const plan = { inputSide: Math.floor(sampleSize / scaleFactor), outputSide: sampleSize, ratio: scaleFactor }
    const picture = this.#needsTiles(input, plan.inputSide)
      ? await runTiled(input, plan, (tile) => decoder.decode(tile))
      : await decoder.decode(input)
    if (isStill(latents)) this.#preview.learn(latents, picture)
    return picture
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

  /** A picture to denoiser latents at the posterior's mean. Draws nothing. */
  async encodeMean(picture: Tensor, context: CallContext): Promise<Tensor> {
    return toDenoiserLatents(await this.encodeMode(picture, context), this.config)
  }

  /** Moves the generator as encoding a picture would, without encoding one. */
  async drawPosterior(latentShape: readonly number[], drawNoise: DrawNoise, context: CallContext): Promise<void> {
    if ((await this.#encoder(context)).givesMoments) drawNoise(latentShape)
  }

  async #encode(picture: Tensor, context: CallContext): Promise<EncodedPicture> {
    const held = this.#encoded.get(picture)
    if (held) return held
    const encoded = await this.#encodeWhole(picture, await this.#encoder(context))
    this.#encoded.set(picture, encoded)
    return encoded
  }

  async #encodeWhole(picture: Tensor, encoder: VaeEncoder): Promise<EncodedPicture> {
    const { sampleSize, scaleFactor } = this.config
    if (!this.#needsTiles(picture, sampleSize)) return await encoder.encode(picture)
    const plan = { inputSide: sampleSize, outputSide: Math.floor(sampleSize / scaleFactor), ratio: 1 / scaleFactor }
    const joined = await runTiled(picture, plan, async (tile) => {
      const encoded = await encoder.encode(tile)
      return encoded.kind === 'moments' ? encoded.moments : encoded.latents
    })
    return encoder.givesMoments ? { kind: 'moments', moments: joined } : { kind: 'latents', latents: joined }
  }

  #needsTiles({ shape }: Tensor, side: number): boolean {
    return this.#options.tiling && isStill({ shape }) && (shape[2]! > side || shape[3]! > side)
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

  /**
   * A rough small picture of unfinished latents; of films there is none. The first one costs a decode, unless a picture was decoded before; undefined where that
   * would push the denoiser out of memory.
   */
  async previewOf(latents: Tensor, context: CallContext): Promise<RawPicture | undefined> {
    if (!isStill(latents)) return undefined
    if (!this.#preview.isReady) {
      if (this.#options.store.offloads) return undefined
      await this.decode(latents, context)
    }
    return this.#preview.render(latents)
  }

  /** Loads the decoder. */
  async warmUp(context: CallContext): Promise<void> {
    await this.#decoder(context)
  }
}

/** Latents of one picture, not of a film. */
function isStill({ shape }: Pick<Tensor, 'shape'>): boolean {
  return shape.length === 4
}
