import { DiffgentorError } from '../../errors.ts'
import { GraphBinding, type OnnxSession } from '../../onnx-runtime/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** What is wanted of a picture: its projected embedding, or the states before the last layer. */
export type ImageFeature = 'embedding' | 'states'

/** The graph of a CLIP image encoder: normalized colors [1, 3, side, side] to features. */
export class ImageEncoder {
  readonly #binding: GraphBinding<'picture'>
  readonly #session: OnnxSession
  readonly #outputs: Readonly<Record<ImageFeature, readonly string[]>>

  /** @param layers `num_hidden_layers` of the encoder's configuration, for graphs that name all their states. */
  constructor(session: OnnxSession, layers: number | undefined) {
    this.#session = session
    this.#binding = new GraphBinding(session, { roles: { picture: ['pixel_values', 'image'] }, required: ['picture'] })
    const numbered = layers === undefined ? [] : [`hidden_states.${layers - 1}`]
    this.#outputs = { embedding: ['image_embeds'], states: ['penultimate_hidden_states', ...numbered] }
  }

  /** The side of the square that the graph takes, where it fixes one. */
  get side(): number | undefined {
    return this.#binding.fixedSize('picture', 2)
  }

  async encode(picture: Tensor, feature: ImageFeature): Promise<Tensor> {
    const wanted = this.#outputs[feature]
    const output = wanted.find((name) => this.#session.outputs.has(name))
    if (output === undefined) {
      const held = [...this.#session.outputs.keys()].join(', ')
      throw new DiffgentorError(
        'model_unreadable',
        `The image encoder ${this.#session.label} should give ${wanted.join(' or ')} for this IP-Adapter, but gives ${held}; export both together.`,
      )
    }
    return (await this.#binding.run({ picture }, [output]))[output]!
  }
}
