import { type AddedToken, parseMerges } from './clip-definition.ts'

/** Words of Qwen2's pattern: contractions, letters with one sign before them, single digits, runs of other signs, spaces. */
const WORD_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

export interface ByteLevelVocabulary {
  /** Content of `vocab.json`. */
  vocab: Readonly<Record<string, number>>
  /** Content of `merges.txt`. */
  merges: string
  addedTokens: readonly AddedToken[]
}

/** Writes the tokenizer.json that a Qwen2 folder with only `vocab.json` and `merges.txt` leaves out, as transformers converts it. */
export function defineByteLevelTokenizer({ vocab, merges, addedTokens }: ByteLevelVocabulary): object {
  return {
    added_tokens: addedTokens,
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: WORD_PATTERN }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: parseMerges(merges),
    },
  }
}
