import { join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { defineByteLevelTokenizer } from './byte-level-definition.ts'
import { type CharsMap, readCharsMap } from './chars-map.ts'
import type { AddedToken } from './clip-definition.ts'
import { readSentencePiece } from './sentence-piece.ts'
import { SequenceTokenizer, type SequenceTokenizerOptions } from './sequence-tokenizer.ts'
import { contentOf, readBytes, readJson, readText, type TokenSetting } from './tokenizer-files.ts'
import { defineUnigramTokenizer } from './unigram-definition.ts'

interface SequenceConfig {
  pad_token?: TokenSetting
  eos_token?: TokenSetting
  added_tokens_decoder?: Record<string, Omit<AddedToken, 'id'>>
}

interface NormalizerStep {
  type: string
  normalizers?: NormalizerStep[]
  /** Base64. */
  precompiled_charsmap?: string | null
}

/** What matters here of a tokenizer.json. */
interface TokenizerDefinition {
  normalizer?: NormalizerStep | null
}

/** Loads the tokenizer of a T5, UMT5, Qwen or Gemma encoder: `tokenizer.json`, else `spiece.model`, else `vocab.json` with `merges.txt`. */
export async function loadSequenceTokenizer(folder: string): Promise<SequenceTokenizer> {
  const config: SequenceConfig = {
    ...(await readJson<SequenceConfig>(folder, 'special_tokens_map.json')),
    ...(await readJson<SequenceConfig>(folder, 'tokenizer_config.json')),
  }
  const stored = await readJson<TokenizerDefinition>(folder, 'tokenizer.json')
  const { definition, normalize } = stored ? takeCharsMap(stored, folder) : await defineTokenizer(folder, config)
  const padToken = contentOf(config.pad_token) ?? contentOf(config.eos_token) ?? '<pad>'
  return new SequenceTokenizer({ definition, config, padToken, normalize })
}

/** A definition, and what is done to a text before it: the tokenizer package only comes near to precompiled rules. */
type NormalizingDefinition = Pick<SequenceTokenizerOptions, 'definition' | 'normalize'>

/** Takes precompiled rules out of a definition that begins with them. */
function takeCharsMap(stored: TokenizerDefinition, folder: string): NormalizingDefinition {
  const { normalizer } = stored
  const steps = normalizer?.type === 'Sequence' ? (normalizer.normalizers ?? []) : normalizer ? [normalizer] : []
  const [first, ...rest] = steps
  if (first?.type !== 'Precompiled' || !first.precompiled_charsmap) return { definition: stored }
  const map = parseCharsMap(Buffer.from(first.precompiled_charsmap, 'base64'), join(folder, 'tokenizer.json'))
  const definition = { ...stored, normalizer: rest.length > 0 ? { type: 'Sequence', normalizers: rest } : null }
  return { definition, normalize: (text) => map.replaceLetters(text) }
}

function parseCharsMap(bytes: Uint8Array, file: string): CharsMap {
  try {
    return readCharsMap(bytes)
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The normalization rules in ${file} are torn; download the model again.`, {
      cause,
    })
  }
}

async function defineTokenizer(folder: string, config: SequenceConfig): Promise<NormalizingDefinition> {
  const addedTokens = await readAddedTokens(folder, config)
  const file = join(folder, 'spiece.model')
  const pieces = await readBytes(file)
  if (pieces) {
    const model = readSentencePiece(pieces, file)
    const map = model.charsMap && parseCharsMap(model.charsMap, file)
    const definition = defineUnigramTokenizer(model, addedTokens, contentOf(config.eos_token) ?? '</s>')
    return { definition, normalize: map && ((text) => map.replaceRuns(text)) }
  }
  const vocab = await readJson<Record<string, number>>(folder, 'vocab.json')
  const merges = await readText(join(folder, 'merges.txt'))
  if (vocab && merges !== undefined) return { definition: defineByteLevelTokenizer({ vocab, merges, addedTokens }) }
  throw new DiffgentorError(
    'model_unreadable',
    `The tokenizer folder ${folder} holds none of tokenizer.json, spiece.model, and vocab.json with merges.txt; download or export the model again.`,
  )
}

async function readAddedTokens(folder: string, { added_tokens_decoder }: SequenceConfig): Promise<AddedToken[]> {
  if (added_tokens_decoder) return Object.entries(added_tokens_decoder).map(([id, token]) => ({ id: Number(id), ...token }))
  const listed = (await readJson<Record<string, number>>(folder, 'added_tokens.json')) ?? {}
  return Object.entries(listed).map(([content, id]) => ({
    id,
    content,
    special: true,
    normalized: false,
    lstrip: false,
    rstrip: false,
    single_word: false,
  }))
}
