import { Tokenizer } from '@huggingface/tokenizers'

/** The ids of a text, with the special tokens of its encoder and without padding. */
export interface TokenizedSequence {
  ids: number[]
  /** Words that did not fit; empty when all did. */
  cutText: string
}

/** Ids of a fixed length, with 1 in the mask for each id that is no padding. */
export interface PaddedSequence {
  ids: number[]
  mask: number[]
}

export interface SequenceTokenizerOptions {
  /** Content of a tokenizer.json. */
  definition: object
  /** Content of tokenizer_config.json. */
  config: object
  padToken: string
  /** Done to a text before anything else. Default: nothing. */
  normalize?: ((text: string) => string) | undefined
}

/** Turns text into ids for T5, UMT5, Qwen and Gemma encoders: whatever special tokens the vocabulary puts around a text, padding to the right. */
export class SequenceTokenizer {
  readonly padId: number
  readonly #tokenizer: Tokenizer
  readonly #start: readonly number[]
  readonly #end: readonly number[]
  readonly #normalize: (text: string) => string

  constructor({ definition, config, padToken, normalize = (text) => text }: SequenceTokenizerOptions) {
    this.#normalize = normalize
    this.#tokenizer = new Tokenizer(definition, config)
    this.padId = this.#tokenizer.token_to_id(padToken) ?? 0
    const { start, end } = this.#findFrame()
    this.#start = start
    this.#end = end
  }

  /** Cuts to `maxLength` ids, special tokens included; those at the end stay. */
  encode(text: string, maxLength = Number.POSITIVE_INFINITY): TokenizedSequence {
    const tokens = this.#tokenize(text)
    const kept = tokens.slice(0, Math.max(0, maxLength - this.#start.length - this.#end.length))
    return { ids: [...this.#start, ...kept, ...this.#end], cutText: this.#spell(tokens.slice(kept.length)) }
  }

  pad(ids: readonly number[], length: number): PaddedSequence {
    const missing = Math.max(0, length - ids.length)
    return {
      ids: [...ids, ...new Array<number>(missing).fill(this.padId)],
      mask: [...new Array<number>(ids.length).fill(1), ...new Array<number>(missing).fill(0)],
    }
  }

  /** The id of a token of the vocabulary; undefined for an unknown one. */
  findId(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token)
  }

  #tokenize(text: string): number[] {
    return this.#tokenizer.encode(this.#normalize(text), { add_special_tokens: false }).ids
  }

  /** The post-processor is not public; what it puts around a text is. */
  #findFrame(): { start: number[]; end: number[] } {
    const text = 'a'
    const bare = this.#tokenize(text)
    const framed: number[] = this.#tokenizer.encode(text).ids
    const at = framed.findIndex((_, i) => bare.every((id, j) => framed[i + j] === id))
    return { start: framed.slice(0, at), end: framed.slice(at + bare.length) }
  }

  #spell(ids: number[]): string {
    return ids.length === 0 ? '' : this.#tokenizer.decode(ids).replace(/\s+/g, ' ').trim()
  }
}
