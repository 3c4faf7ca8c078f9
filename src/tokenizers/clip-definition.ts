/** A special or added token in the tokenizer.json form. */
export interface AddedToken {
  id: number
  content: string
  special: boolean
  normalized: boolean
  lstrip: boolean
  rstrip: boolean
  single_word: boolean
}

/** Words of CLIP's pattern: contractions, letters, single digits, runs of other signs. */
const WORD_PATTERN = "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

export interface ClipVocabulary {
  /** Content of `vocab.json`. */
  vocab: Readonly<Record<string, number>>
  /** Content of `merges.txt`. */
  merges: string
  startToken: string
  endToken: string
  unknownToken: string
  /** Read as one token wherever it stands in a text, as every special token is. */
  padToken: string
  extraTokens: readonly AddedToken[]
}

/** Writes the tokenizer.json that a CLIP folder with only `vocab.json` and `merges.txt` leaves out, as transformers converts it. */
export function defineClipTokenizer(vocabulary: ClipVocabulary): object {
  const { vocab, merges, startToken, endToken, unknownToken, padToken, extraTokens } = vocabulary
  const startId = vocab[startToken]!
  const endId = vocab[endToken]!
  const padTokens = padToken === endToken || vocab[padToken] === undefined ? [] : [special(padToken, vocab[padToken], false)]
  return {
    added_tokens: [special(startToken, startId), special(endToken, endId), ...padTokens, ...extraTokens],
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' }, { type: 'Lowercase' }],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: WORD_PATTERN }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [endToken, endId],
      cls: [startToken, startId],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknownToken,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: parseMerges(merges),
    },
  }
}

function special(content: string, id: number, normalized = true): AddedToken {
  return { id, content, special: true, normalized, lstrip: false, rstrip: false, single_word: false }
}

/** Rules of a merges.txt, without its version line. */
export function parseMerges(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'))
}
