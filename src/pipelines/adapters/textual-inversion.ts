import type { EmbeddingChoice } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { EMBEDDING_KEYS, type EmbeddedEncoder } from '../../models/embedding-keys.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { SafetensorsFile } from './safetensors.ts'

/** A learned token: the word in prompts and its vectors for each text encoder. */
export interface LearnedToken {
  token: string
  /** By encoder, [vectors, width]. */
  vectors: Readonly<Partial<Record<EmbeddedEncoder, Tensor>>>
}

/** Reads a textual-inversion file. The token comes from the choice, else from the file (diffusers names its only tensor after it). */
export async function readLearnedToken({ path, token }: EmbeddingChoice): Promise<LearnedToken> {
  await using file = await SafetensorsFile.open(path)
  const known = file.names.filter((name) => name in EMBEDDING_KEYS)
  const [only, ...others] = file.names
  if (known.length === 0 && (only === undefined || others.length > 0)) {
    throw new DiffgentorError(
      'model_unreadable',
      `The file ${path} is no textual inversion: expected one tensor named after its token, emb_params, or clip_l and clip_g.`,
      {
        field: 'embeddings',
      },
    )
  }
  const word = token ?? (known.length === 0 ? only : undefined)
  if (word === undefined || word === '') {
    throw new DiffgentorError(
      'invalid_request',
      `The file ${path} does not name its token; give one, as in "--embedding ${path}:<name>".`,
      { field: 'embeddings' },
    )
  }
  const names = known.length === 0 ? [only!] : known
  const read = await Promise.all(
    names.map(async (name) => [EMBEDDING_KEYS[name] ?? 'text_encoder', asRows(await file.read(name))] as const),
  )
  return { token: word, vectors: Object.fromEntries(read) }
}

function asRows({ data, shape }: Tensor): Tensor {
  const width = shape.at(-1) ?? 1
  return { data, shape: [data.length / width, width] }
}

/** Names of a token's vectors as the tokenizer knows them: the token itself, then `token_1`, `token_2` …, as diffusers numbers them. */
export function vectorNames(token: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? token : `${token}_${index}`))
}

/** How many vectors each token stands for: the most that it has for any encoder. */
export function countVectors(learned: readonly LearnedToken[]): Map<string, number> {
  return new Map(
    learned.map(({ token, vectors }) => [token, Math.max(...Object.values(vectors).map(({ shape }) => shape[0] ?? 1))]),
  )
}

/**
 * Writes out tokens that stand for several vectors; of two that begin alike the longer is meant. `counts` tells how many vectors by token. CLIP
 * reads text in lower case, so the case is ignored.
 */
export function expandTokens(text: string, counts: ReadonlyMap<string, number>): string {
  if (counts.size === 0) return text
  const longestFirst = [...counts].sort(([a], [b]) => b.length - a.length)
  const pattern = new RegExp(longestFirst.map(([token]) => escapePattern(token)).join('|'), 'gi')
  const expansions = new Map(longestFirst.map(([token, count]) => [token.toLowerCase(), vectorNames(token, count).join(' ')]))
  return text.replace(pattern, (found) => expansions.get(found.toLowerCase()) ?? found)
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
