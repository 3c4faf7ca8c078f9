import { DiffgentorError } from '../../errors.ts'
import type { FeedValue } from '../../onnx-runtime/index.ts'
import type { ExtraToken } from '../../tokenizers/index.ts'
import type { TokenTable } from './extra-tokens.ts'
import { type LearnedToken, vectorNames } from './textual-inversion.ts'

/** What learned tokens add to one text encoder. */
export interface EncoderTokens {
  /** Names and ids for the tokenizer, from the end of the encoder's own table on. */
  extraTokens: readonly ExtraToken[]
  /** All vectors in the order of their ids, [count, width]. */
  vectors: FeedValue
}

/** Text encoders that learned tokens can have vectors for. */
export type TokenEncoder = keyof LearnedToken['vectors']

/** Numbers the learned tokens of one encoder; undefined when none has vectors for it. */
export function planTokens(encoder: TokenEncoder, table: TokenTable, tokens: readonly LearnedToken[]): EncoderTokens | undefined {
  const own = tokens.flatMap(({ token, vectors }) => (vectors[encoder] ? [{ token, rows: vectors[encoder] }] : []))
  if (own.length === 0) return undefined
  for (const { token, rows } of own) {
    if (rows.shape[1] === table.width) continue
    throw new DiffgentorError(
      'invalid_request',
      `The textual inversion ${token} has vectors of ${rows.shape[1]} values, but this model's text encoder uses ${table.width}; use one made for the model's family.`,
      { field: 'embeddings' },
    )
  }
  const names = own.flatMap(({ token, rows }) => vectorNames(token, rows.shape[0] ?? 1))
  const data = new Float32Array(names.length * table.width)
  let at = 0
  for (const { rows } of own) {
    data.set(rows.data, at)
    at += rows.data.length
  }
  return {
    extraTokens: names.map((token, index) => ({ token, id: table.size + index })),
    vectors: { data, shape: [names.length, table.width] },
  }
}
