import { join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { contentOf, readJson, type TokenSetting } from './tokenizer-files.ts'

interface CaptionConfig {
  eos_token?: TokenSetting
  bos_token?: TokenSetting
  unk_token?: TokenSetting
}

/** Writes out what a GPT-2 decoder answers. */
export interface CaptionReader {
  /** The token that ends an answer. */
  readonly endId: number
  /** The text of ids, special tokens left out; bytes that are no UTF-8 become �. */
  read(ids: readonly number[]): string
}

/** Loads a GPT-2 tokenizer folder for reading. */
export async function loadCaptionReader(folder: string): Promise<CaptionReader> {
  const vocabulary = await readVocabulary(folder)
  const config = {
    ...(await readJson<CaptionConfig>(folder, 'special_tokens_map.json')),
    ...(await readJson<CaptionConfig>(folder, 'tokenizer_config.json')),
  }
  const endToken = contentOf(config.eos_token) ?? '<|endoftext|>'
  const special = new Set([endToken, contentOf(config.bos_token), contentOf(config.unk_token)])
  const endId = vocabulary[endToken]
  if (endId === undefined) {
    throw new DiffgentorError(
      'model_unreadable',
      `The tokenizer folder ${folder} has no token ${endToken}; download the model again.`,
    )
  }
  const tokens = new Map(Object.entries(vocabulary).map(([token, id]) => [id, token]))
  return {
    endId,
    read(ids) {
      const kept = ids.map((id) => tokens.get(id) ?? '').filter((token) => !special.has(token))
      const bytes = Uint8Array.from([...kept.join('')].flatMap((letter) => BYTES.get(letter) ?? []))
      return new TextDecoder().decode(bytes)
    },
  }
}

async function readVocabulary(folder: string): Promise<Record<string, number>> {
  const plain = await readJson<Record<string, number>>(folder, 'vocab.json')
  const vocabulary =
    plain ?? (await readJson<{ model: { vocab: Record<string, number> } }>(folder, 'tokenizer.json'))?.model.vocab
  if (vocabulary) return vocabulary
  throw new DiffgentorError(
    'model_unreadable',
    `The tokenizer folder ${folder} holds neither ${join(folder, 'vocab.json')} nor a tokenizer.json; download the model again.`,
  )
}

/** GPT-2 writes each byte as a visible letter: printable Latin ones stand for themselves, the others follow from U+0100 on. */
const BYTES = listByteLetters()

function listByteLetters(): ReadonlyMap<string, number> {
  const isPrintable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
  const letters = new Map<string, number>()
  let next = 256
  for (let byte = 0; byte < 256; byte++) letters.set(String.fromCodePoint(isPrintable(byte) ? byte : next++), byte)
  return letters
}
