import { join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { type AddedToken, defineClipTokenizer } from './clip-definition.ts'
import { TextTokenizer } from './text-tokenizer.ts'
import { contentOf, readJson, readText, type TokenSetting } from './tokenizer-files.ts'

/** A word of a textual-inversion embedding and the row that it got in the encoder's table. */
export interface ExtraToken {
  token: string
  id: number
}

export interface TokenizerOptions {
  /** Used where the folder does not tell the encoder's length. Default 77. */
  defaultLength?: number | undefined
  extraTokens?: readonly ExtraToken[] | undefined
}

interface TokenizerConfig {
  model_max_length?: number
  /** A setting that only Python's own tokenizer reads, the one that repairs texts. */
  do_lower_case?: boolean
  bos_token?: TokenSetting
  eos_token?: TokenSetting
  pad_token?: TokenSetting
  unk_token?: TokenSetting
}

/** A length above this is a placeholder for "no limit". */
const LONGEST = 1_000_000

/** Loads a CLIP tokenizer folder: `tokenizer.json`, or `vocab.json` with `merges.txt`. */
export async function loadTokenizer(folder: string, options: TokenizerOptions = {}): Promise<TextTokenizer> {
  const config = {
    ...(await readJson<TokenizerConfig>(folder, 'special_tokens_map.json')),
    ...(await readJson<TokenizerConfig>(folder, 'tokenizer_config.json')),
  }
  const startToken = contentOf(config.bos_token) ?? '<|startoftext|>'
  const endToken = contentOf(config.eos_token) ?? '<|endoftext|>'
  const unknownToken = contentOf(config.unk_token) ?? endToken
  const extraTokens = (options.extraTokens ?? []).map(toAddedToken)
  const padToken = contentOf(config.pad_token) ?? endToken
  const stored = await readJson<TokenizerDefinition>(folder, 'tokenizer.json')
  const definition =
    extendDefinition(stored, extraTokens) ??
    defineClipTokenizer({ ...(await readVocabulary(folder)), startToken, endToken, unknownToken, padToken, extraTokens })
  const { model_max_length: told = LONGEST + 1 } = config
  return new TextTokenizer({
    definition,
    config,
    startToken,
    endToken,
    padToken,
    repairs: !stored && config.do_lower_case === true,
    maxLength: told <= LONGEST ? told : (options.defaultLength ?? 77),
  })
}

interface TokenizerDefinition {
  added_tokens: AddedToken[]
}

function extendDefinition(definition: TokenizerDefinition | undefined, extra: readonly AddedToken[]): object | undefined {
  return definition && { ...definition, added_tokens: [...definition.added_tokens, ...extra] }
}

function toAddedToken({ token, id }: ExtraToken): AddedToken {
  return { id, content: token.toLowerCase(), special: false, normalized: true, lstrip: false, rstrip: false, single_word: false }
}

async function readVocabulary(folder: string): Promise<{ vocab: Record<string, number>; merges: string }> {
  const vocab = await readJson<Record<string, number>>(folder, 'vocab.json')
  const merges = await readText(join(folder, 'merges.txt'))
  if (!vocab || merges === undefined) {
    throw new DiffgentorError(
      'model_unreadable',
      `The tokenizer folder ${folder} holds neither tokenizer.json nor vocab.json with merges.txt.`,
    )
  }
  return { vocab, merges }
}
