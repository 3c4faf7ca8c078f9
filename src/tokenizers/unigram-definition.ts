import type { AddedToken } from './clip-definition.ts'
import type { SentencePieceModel } from './sentence-piece.ts'

const SPACE = '▁'

/** Writes the tokenizer.json that a T5 or UMT5 folder with only `spiece.model` leaves out, as transformers converts it; its normalization rules are left to the caller. */
export function defineUnigramTokenizer(model: SentencePieceModel, addedTokens: readonly AddedToken[], endToken: string): object {
  const { pieces, unknownId } = model
  const endId = pieces.findIndex(([piece]) => piece === endToken)
  const spaces = { type: 'Metaspace', replacement: SPACE, prepend_scheme: 'always', split: true }
  return {
    added_tokens: addedTokens,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Strip', strip_left: false, strip_right: true },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: SPACE },
      ],
    },
    pre_tokenizer: spaces,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: endToken, type_id: 0 } }],
      pair: [],
      special_tokens: { [endToken]: { id: endToken, ids: [endId], tokens: [endToken] } },
    },
    decoder: spaces,
    model: { type: 'Unigram', unk_id: unknownId, vocab: pieces, byte_fallback: false },
  }
}
