import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { CallContext, EncodedPicture } from '../../contract/index.ts'
import { decodePicture } from '../../images/decode-picture.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { RecentValues } from '../adapters/recent-values.ts'
import { zeros } from '../channels.ts'
import { type ClipProcessor, readClipProcessor, toClipInput } from '../clip/clip-processor.ts'
import type { ModelFacts } from '../folder/inspect-model.ts'
import type { GraphStore } from '../graphs/graph-store.ts'
import { ImageEncoder, type ImageFeature } from '../graphs/image-encoder.ts'

/** Embeddings of plain adapters take 4 KB, hidden states of CLIP-H 1.3 MB. */
const HELD_BYTES = 64 * 1024 * 1024

const USUAL_SIDE = 224

/** Makes what an IP-Adapter reads of pictures. What was made lately is kept: the pictures of one request come one by one. */
export class ImagePromptEncoder {
  readonly #facts: ModelFacts
  readonly #store: GraphStore
  readonly #made = new RecentValues<Tensor>(HELD_BYTES, ({ data }) => data.byteLength)
  #processor: ClipProcessor | undefined

  constructor(facts: ModelFacts, store: GraphStore) {
    this.#facts = facts
    this.#store = store
  }

  /** The feature of one picture: [1, width], or [1, tokens, width] for hidden states. */
  async encode(picture: EncodedPicture, feature: ImageFeature, context: CallContext): Promise<Tensor> {
    const key = createHash('sha256').update(picture).digest('hex')
    return await this.#made.get(`${feature} ${key}`, async () => {
      const encoder = await this.#open(context)
      this.#processor ??= await this.#readProcessor(encoder)
      const decoded = (await decodePicture(picture)).picture
      return await encoder.encode(toClipInput(decoded, this.#processor), feature)
    })
  }

  /** The hidden states of no picture at all: of zeros in place of normalized colors, as diffusers takes them. */
  async encodeNothing(context: CallContext): Promise<Tensor> {
    return await this.#made.get('nothing', async () => {
      const encoder = await this.#open(context)
      const side = encoder.side ?? this.#configuredSide ?? USUAL_SIDE
      return await encoder.encode(zeros([1, 3, side, side]), 'states')
    })
  }

  get #configuredSide(): number | undefined {
    const side = this.#facts.folder.configs.get('image_encoder')?.['image_size']
    return typeof side === 'number' ? side : undefined
  }

  async #readProcessor(encoder: ImageEncoder): Promise<ClipProcessor> {
    const places = ['feature_extractor', 'image_encoder'].map((name) => join(this.#facts.folder.root, name))
    const files = places.map((place) => join(place, 'preprocessor_config.json'))
    return await readClipProcessor(files, encoder.side ?? this.#configuredSide ?? USUAL_SIDE)
  }

  async #open(context: CallContext): Promise<ImageEncoder> {
    const { folder, signatures } = this.#facts
    const layers = folder.configs.get('image_encoder')?.['num_hidden_layers']
    return await this.#store.get({
      signature: signatures.get('image_encoder')!,
      name: 'image_encoder',
      stage: 'text',
      wrap: (session) => new ImageEncoder(session, typeof layers === 'number' ? layers : undefined),
      context,
    })
  }
}
