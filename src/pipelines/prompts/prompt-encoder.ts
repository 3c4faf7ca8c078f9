import type { CallContext, ImageRequest, ImageWarning } from '../../contract/index.ts'
import { loadTokenizer, type TextTokenizer } from '../../tokenizers/index.ts'
import type { AdapterPlan } from '../adapter-plan.ts'
import { fixedDimension } from '../folder/denoiser-inputs.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { ModelFacts } from '../folder/inspect-model.ts'
import { tokenizerFolder } from '../folder/model-folder.ts'
import { readGraphState } from '../graphs/graph-state.ts'
import type { GraphStore } from '../graphs/graph-store.ts'
import { type EncodedText, TextEncoder, type TextEncoderWish } from '../graphs/text-encoder.ts'
import { EmbeddingCache } from './embedding-cache.ts'
import type { EmbeddingFiles } from './embedding-files.ts'
import { encodeWeighted } from './encode-weighted.ts'

const CACHE_BYTES = 64 * 1024 * 1024

/** One text for one encoder. */
export interface TextToEncode {
  encoder: ComponentName
  text: string
  wish: TextEncoderWish
  /** The request's field that the text comes from, for warnings. */
  field: string
  /** At least so many encoder runs, where the syntax knows long prompts. Default 1. */
  leastChunks?: number | undefined
}

/** What encoding depends on beside the text. */
export interface EncodingContext {
  adapters: AdapterPlan
  context: CallContext
  request: ImageRequest
  warn: (warning: ImageWarning) => void
}

/** Turns prompts into what a denoiser is conditioned on. Encodings are kept, so each distinct prompt is computed once. */
export class PromptEncoder {
  readonly #facts: ModelFacts
  readonly #store: GraphStore
  readonly #cache: EmbeddingCache
  readonly #tokenizers = new Map<string, Promise<TextTokenizer>>()

  /** @param files where encodings are kept for the next run */
  constructor(facts: ModelFacts, store: GraphStore, files?: EmbeddingFiles) {
    this.#facts = facts
    this.#store = store
    this.#cache = new EmbeddingCache(CACHE_BYTES, files)
  }

  /** Encodes one text as the request's syntax reads it. Words that do not fit are cut, with a warning that names them. */
  async encode(item: TextToEncode, setting: EncodingContext): Promise<EncodedText> {
    const { encoder, field, wish } = item
    const { adapters, request, warn } = setting
    const tokenizer = await this.#tokenizer(encoder, adapters)
    const length = this.#fixedLength(encoder) ?? tokenizer.maxLength
    const text = adapters.expandPrompt(item.text)
    const syntax = request.diffusion?.promptSyntax ?? 'none'
    const run = (ids: readonly number[]) => this.#encodeIds(encoder, ids, wish, setting)
    if (syntax === 'none') {
      const { ids, cutText } = tokenizer.encode(text, length)
      if (cutText) warn(cutWarning(field, length, cutText))
      return await run(ids)
    }
    const mostChunks = this.#takesOneChunk() ? 1 : Number.POSITIVE_INFINITY
    const leastChunks = item.leastChunks ?? 1
    const { cut, ...encoded } = await encodeWeighted({ syntax, text, tokenizer, length, leastChunks, mostChunks, run })
    if (cut) warn(fixedLengthWarning(field, length))
    return encoded
  }

  async #encodeIds(
    encoder: ComponentName,
    ids: readonly number[],
    wish: TextEncoderWish,
    { adapters, context }: EncodingContext,
  ): Promise<EncodedText> {
    const identity = adapters.variants.get(encoder)?.identity ?? ''
    const key = [encoder, identity, wish.state, wish.skipped ?? 0, wish.pooled, ids].join('|')
    const make = async () => await (await this.load(encoder, { adapters, context })).encode(ids, wish)
    // What adapters changed is not told by the stored graph.
    if (identity !== '') return await this.#cache.get(key, make)
    return await this.#cache.get(key, make, async () => [await readGraphState(this.#facts.signatures.get(encoder)!), wish, ids])
  }

  /** Loads an encoder's graph. */
  async load(encoder: ComponentName, { adapters, context }: Pick<EncodingContext, 'adapters' | 'context'>): Promise<TextEncoder> {
    const variant = adapters.variants.get(encoder)
    const layers = this.#facts.folder.configs.get(encoder)?.['num_hidden_layers']
    return await this.#store.get({
      signature: this.#facts.signatures.get(encoder)!,
      name: encoder,
      stage: 'text',
      variant,
      wrap: (session) => new TextEncoder(session, typeof layers === 'number' ? layers : undefined, variant?.feeds),
      context,
    })
  }

  #tokenizer(encoder: ComponentName, { extraTokens }: AdapterPlan): Promise<TextTokenizer> {
    const extra = extraTokens.get(encoder) ?? []
    const key = `${encoder}|${JSON.stringify(extra)}`
    const loading =
      this.#tokenizers.get(key) ??
      loadTokenizer(tokenizerFolder(this.#facts.folder, encoder), { extraTokens: extra, defaultLength: this.#positions(encoder) })
    this.#tokenizers.set(key, loading)
    return loading
  }

  /** Whether the UNet takes the text of one encoder run only. */
  #takesOneChunk(): boolean {
    const unet = this.#facts.signatures.get('unet')
    return unet !== undefined && fixedDimension(unet, 'text', 1) !== undefined
  }

  /** Tokens of one run, where the graph fixes them. */
  #fixedLength(encoder: ComponentName): number | undefined {
    const length = this.#facts.signatures.get(encoder)?.inputs[0]?.dims[1]
    return typeof length === 'number' ? length : undefined
  }

  #positions(encoder: ComponentName): number | undefined {
    const told = this.#facts.folder.configs.get(encoder)?.['max_position_embeddings']
    return typeof told === 'number' ? told : undefined
  }
}

function cutWarning(field: string, length: number, cutText: string): ImageWarning {
  return {
    kind: 'adjusted',
    field,
    detail: `The text encoder reads ${length - 2} tokens; left out: "${cutText}".`,
  }
}

function fixedLengthWarning(field: string, length: number): ImageWarning {
  return {
    kind: 'adjusted',
    field,
    detail: `The UNet of this model takes ${length} tokens of text only; what goes beyond them is left out.`,
  }
}
