import { GraphBinding, type OnnxSession } from '../../onnx-runtime/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { VAE_DECODER_OUTPUTS, VAE_DECODER_ROLES, VAE_ENCODER_ROLES, VAE_LATENTS, VAE_MOMENTS } from '../roles.ts'

/** A VAE's decoder graph: VAE latents [1, C, h, w] to a picture [1, 3, H, W] of −1 … 1. */
export class VaeDecoder {
  readonly #binding: GraphBinding<'latents'>
  readonly #output: string

  constructor(session: OnnxSession) {
    this.#binding = new GraphBinding(session, { roles: VAE_DECODER_ROLES, required: ['latents'] })
    this.#output = this.#binding.chooseOutput(VAE_DECODER_OUTPUTS)
  }

  /** Latent height and width that the graph fixes. */
  get fixedSize(): { height: number; width: number } | undefined {
    return fixedArea(this.#binding, 'latents')
  }

  /** Of VAEs for films, latents without a frame axis are one frame, and so is what comes back. */
  async decode(latents: Tensor): Promise<Tensor> {
    const isFrame = isForFilms(this.#binding, 'latents') && latents.shape.length === PICTURE_RANK
    const input = isFrame ? addFrameAxis(latents) : latents
    const result = (await this.#binding.run({ latents: input }, [this.#output]))[this.#output]!
    return isFrame ? removeFrameAxis(result) : result
  }
}

/** What an encoder graph gives: a distribution to draw from, or latents. */
export type EncodedPicture = { kind: 'moments'; moments: Tensor } | { kind: 'latents'; latents: Tensor }

/** A VAE's encoder graph: a picture [1, 3, H, W] of −1 … 1 to VAE latents. */
export class VaeEncoder {
  readonly #binding: GraphBinding<'picture'>
  readonly #output: string
  /** Whether `encode` gives a distribution, from which latents are then drawn. */
  readonly givesMoments: boolean

  constructor(session: OnnxSession, latentChannels: number) {
    this.#binding = new GraphBinding(session, { roles: VAE_ENCODER_ROLES, required: ['picture'] })
    this.#output = this.#binding.chooseOutput([...VAE_MOMENTS, ...VAE_LATENTS])
    const channels = session.outputs.get(this.#output)?.shape[1]
    this.givesMoments = VAE_MOMENTS.includes(this.#output) || (typeof channels === 'number' && channels === 2 * latentChannels)
  }

  async encode(picture: Tensor): Promise<EncodedPicture> {
    const isFrame = isForFilms(this.#binding, 'picture')
    const input = isFrame ? addFrameAxis(picture) : picture
    const given = (await this.#binding.run({ picture: input }, [this.#output]))[this.#output]!
    const result = isFrame ? removeFrameAxis(given) : given
    return this.givesMoments ? { kind: 'moments', moments: result } : { kind: 'latents', latents: result }
  }
}

const PICTURE_RANK = 4

function isForFilms<Role extends string>(binding: GraphBinding<Role>, role: Role): boolean {
  return binding.shapeOf(role)?.length === PICTURE_RANK + 1
}

function addFrameAxis({ data, shape: [count, channels, ...area] }: Tensor): Tensor {
  return { data, shape: [count!, channels!, 1, ...area] }
}

function removeFrameAxis({ data, shape: [count, channels, , ...area] }: Tensor): Tensor {
  return { data, shape: [count!, channels!, ...area] }
}

function fixedArea(binding: GraphBinding<'latents'>, role: 'latents'): { height: number; width: number } | undefined {
  const height = binding.fixedSize(role, 2)
  const width = binding.fixedSize(role, 3)
  return height && width ? { height, width } : undefined
}
