import type { CallContext, ImageWarning } from '../../contract/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { loadSequenceTokenizer, type PaddedSequence, type SequenceTokenizer } from '../../tokenizers/index.ts'
import type { AdapterPlan } from '../adapter-plan.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { ModelFacts } from '../folder/inspect-model.ts'
import { tokenizerFolder } from '../folder/model-folder.ts'
import { readGraphState } from '../graphs/graph-state.ts'
import type { GraphStore } from '../graphs/graph-store.ts'
import { SequenceGraph } from '../graphs/sequence-graph.ts'
import { EmbeddingCache } from './embedding-cache.ts'
import type { EmbeddingFiles } from './embedding-files.ts'

const CACHE_BYTES = 256 * 1024 * 1024

/** One text for a T5, UMT5, Qwen or Gemma encoder, templates filled in. */
export interface SequenceToEncode {
  encoder: ComponentName
  text: string
  /** Tokens at most, special ones included; what goes beyond is cut and told. */
  maxLength: number
  /** Pad to `maxLength`; else the encoder sees the text's own tokens only. */
  padded: boolean
  /** The request's field that the text comes from, for warnings. */
  field: string
}

export interface SequenceContext {
  adapters: AdapterPlan
  context: CallContext
  warn: (warning: ImageWarning) => void
}

/** States [1, tokens, width] with the ids and the mask that they were made from. */
export interface EncodedSequence extends PaddedSequence {
  states: Tensor
}

/** Turns prompts into states of encoders without CLIP's framing. Encodings are kept, so each distinct prompt is computed once. */
export class SequenceEncoder {
  readonly #facts: ModelFacts
  readonly #store: GraphStore
  readonly #cache: EmbeddingCache
  readonly #tokenizers = new Map<ComponentName, Promise<SequenceTokenizer>>()

  /** @param files where encodings are kept for the next run */
  constructor(facts: ModelFacts, store: GraphStore, files?: EmbeddingFiles) {
    this.#facts = facts
    this.#store = store
    this.#cache = new EmbeddingCache(CACHE_BYTES, files)
  }

  async encode(item: SequenceToEncode, { adapters, context, warn }: SequenceContext): Promise<EncodedSequence> {
    const { encoder, text, field } = item
    const fixed = this.#fixedLength(encoder)
    const { maxLength, padded } = fixed === undefined ? item : { maxLength: fixed, padded: true }
    const tokenizer = await this.tokenizer(encoder)
    const { ids, cutText } = tokenizer.encode(text, maxLength)
    if (cutText) warn(cutWarning(field, maxLength, cutText))
    const sequence = tokenizer.pad(ids, padded ? maxLength : ids.length)
    const identity = adapters.variants.get(encoder)?.identity ?? ''
    const make = async () => {
      const graph = await this.load(encoder, { adapters, context })
      return { states: await graph.encode(sequence), pooled: undefined }
    }
    const describe = async () => [await readGraphState(this.#facts.signatures.get(encoder)!), sequence]
    const key = [encoder, identity, ...sequence.ids].join()
    // What adapters changed is not told by the stored graph.
    const { states } = await this.#cache.get(key, make, identity === '' ? describe : undefined)
    return { ...sequence, states }
  }

  /** Loads an encoder's graph. */
  async load(encoder: ComponentName, { adapters, context }: Omit<SequenceContext, 'warn'>): Promise<SequenceGraph> {
    const variant = adapters.variants.get(encoder)
    return await this.#store.get({
      signature: this.#facts.signatures.get(encoder)!,
      name: encoder,
      stage: 'text',
      variant,
      wrap: (session) => new SequenceGraph(session, variant?.feeds),
      context,
    })
  }

  /** Tokens of one run, where the graph fixes them. */
  #fixedLength(encoder: ComponentName): number | undefined {
    const length = this.#facts.signatures.get(encoder)?.inputs[0]?.dims[1]
    return typeof length === 'number' ? length : undefined
  }

  /** The tokenizer that belongs to an encoder. */
  async tokenizer(encoder: ComponentName): Promise<SequenceTokenizer> {
    const loading = this.#tokenizers.get(encoder) ?? loadSequenceTokenizer(tokenizerFolder(this.#facts.folder, encoder))
    this.#tokenizers.set(encoder, loading)
    return await loading
  }
}

function cutWarning(field: string, length: number, cutText: string): ImageWarning {
  return { kind: 'adjusted', field, detail: `The text encoder reads ${length} tokens; left out: "${cutText}".` }
}
