import { join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { defineByteLevelTokenizer } from './byte-level-definition.ts'
import type { AddedToken } from './clip-definition.ts'
import { readSentencePiece } from './sentence-piece.ts'
import { SequenceTokenizer } from './sequence-tokenizer.ts'
import { contentOf, readBytes, readJson, readText, type TokenSetting } from './tokenizer-files.ts'
import { defineUnigramTokenizer } from './unigram-definition.ts'

interface SequenceConfig {
  pad_token?: TokenSetting
  eos_token?: TokenSetting
  added_tokens_decoder?: Record<string, Omit<AddedToken, 'id'>>
}

/** Loads the tokenizer of a T5, UMT5, Qwen or Gemma encoder: `tokenizer.json`, else `spiece.model`, else `vocab.json` with `merges.txt`. */
export async function loadSequenceTokenizer(folder: string): Promise<SequenceTokenizer> {
  const config: SequenceConfig = {
    ...(await readJson<SequenceConfig>(folder, 'special_tokens_map.json')),
    ...(await readJson<SequenceConfig>(folder, 'tokenizer_config.json')),
  }
  const definition = (await readJson<object>(folder, 'tokenizer.json')) ?? (await defineTokenizer(folder, config))
  const padToken = contentOf(config.pad_token) ?? contentOf(config.eos_token) ?? '<pad>'
  return new SequenceTokenizer({ definition, config, padToken })
}

async function defineTokenizer(folder: string, config: SequenceConfig): Promise<object> {
  const addedTokens = await readAddedTokens(folder, config)
  const file = join(folder, 'spiece.model')
  const pieces = await readBytes(file)
  if (pieces) {
    return defineUnigramTokenizer(readSentencePiece(pieces, file), addedTokens, contentOf(config.eos_token) ?? '</s>')
  }
  const vocab = await readJson<Record<string, number>>(folder, 'vocab.json')
  const merges = await readText(join(folder, 'merges.txt'))
  if (vocab && merges !== undefined) return defineByteLevelTokenizer({ vocab, merges, addedTokens })
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
