import { Tokenizer } from '@huggingface/tokenizers'
import { repairText } from './repair-text.ts'

/** A text as a text encoder wants it. */
export interface TokenizedText {
  /** Start token, text, end token, padding: exactly the encoder's length. */
  ids: number[]
  /** Words that did not fit; empty when all did. */
  cutText: string
}

export interface TextTokenizerOptions {
  /** Content of a tokenizer.json. */
  definition: object
  /** Content of tokenizer_config.json. */
  config: object
  startToken: string
  endToken: string
  padToken: string
  /** Texts are repaired first, as Python's own tokenizer does. Default false. */
  repairs?: boolean
  /** Tokens that one encoder run takes, start and end included. */
  maxLength: number
}

/** Turns text into the ids of one text encoder, with CLIP's start, end and padding. */
export class TextTokenizer {
  readonly maxLength: number
  readonly startId: number
  readonly endId: number
  readonly padId: number
  readonly #tokenizer: Tokenizer
  readonly #repairs: boolean

  constructor({ definition, config, startToken, endToken, padToken, maxLength, repairs = false }: TextTokenizerOptions) {
    this.#repairs = repairs
    this.#tokenizer = new Tokenizer(definition, config)
    this.maxLength = maxLength
    this.startId = this.#idOf(startToken)
    this.endId = this.#idOf(endToken)
    this.padId = this.#idOf(padToken)
  }

  /** Ids of the text alone, however long: no start, end or padding. */
  tokenize(text: string): number[] {
    // The fast tokenizer lowers letters one by one, JavaScript and Python lower a sigma by its place in the word.
    const lowered = this.#repairs ? repairText(text).toLowerCase() : text.replaceAll('Σ', 'σ')
    return this.#tokenizer.encode(lowered, { add_special_tokens: false }).ids
  }

  /** What each token of a text stands for, in order. */
  listPieces(text: string): string[] {
    return this.tokenize(text).map((id) => this.#spell([id]))
  }

  /** One encoder run's ids. What does not fit is cut before the end token and told. */
  encode(text: string, length = this.maxLength): TokenizedText {
    const tokens = this.tokenize(text)
    const kept = tokens.slice(0, length - 2)
    return { ids: this.frame(kept, length), cutText: this.#spell(tokens.slice(kept.length)) }
  }

  /** Puts start, end and padding around ids that fit. */
  frame(ids: readonly number[], length = this.maxLength): number[] {
    const padding = new Array<number>(length - ids.length - 2).fill(this.padId)
    return [this.startId, ...ids, this.endId, ...padding]
  }

  /** The id of a token of the vocabulary; undefined for an unknown one. */
  findId(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token)
  }

  #spell(ids: number[]): string {
    if (ids.length === 0) return ''
    return this.#tokenizer.decode(ids).replaceAll('</w>', ' ').replace(/\s+/g, ' ').trim()
  }

  #idOf(token: string): number {
    return this.#tokenizer.token_to_id(token) ?? this.#tokenizer.encode(token, { add_special_tokens: false }).ids[0] ?? 0
  }
}
