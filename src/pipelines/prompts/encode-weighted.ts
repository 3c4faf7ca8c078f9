import type { TextTokenizer } from '../../tokenizers/index.ts'
import { joinAxis } from '../channels.ts'
import type { EncodedText } from '../graphs/text-encoder.ts'
import { chunkTokens } from './chunk-tokens.ts'
import { parseA1111 } from './parse-a1111.ts'
import { parseCompel } from './parse-compel.ts'
import { weighByScaling, weighFromEmpty } from './weigh-states.ts'

/** Ways to read weights and long prompts. */
export type WeightSyntax = 'a1111' | 'compel'

export interface WeightedEncoding {
  syntax: WeightSyntax
  text: string
  tokenizer: TextTokenizer
  /** Ids of one encoder run. */
  length: number
  /** At least so many chunks; empty ones are added. */
  leastChunks: number
  /** At most so many; the rest is left out. */
  mostChunks: number
  /** Runs the encoder on one chunk. */
  run: (ids: readonly number[]) => Promise<EncodedText>
}

/** States of all chunks one behind the other, weighted; pooled of the first. `cut` tells that chunks were left out. */
export async function encodeWeighted(options: WeightedEncoding): Promise<EncodedText & { chunks: number; cut: boolean }> {
  const { syntax, text, tokenizer, length, leastChunks, mostChunks, run } = options
  const parts = syntax === 'a1111' ? parseA1111(text) : parseCompel(text)
  const all = chunkTokens(parts, tokenizer, length)
  const emptyIds = tokenizer.frame([], length)
  while (all.length < leastChunks) all.push({ ids: emptyIds, weights: emptyIds.map(() => 1) })
  const chunks = all.slice(0, mostChunks)
  const encoded = []
  for (const { ids, weights } of chunks) {
    const { states, pooled } = await run(ids)
    const isPlain = weights.every((weight) => weight === 1)
    if (isPlain) encoded.push({ states, pooled })
    else if (syntax === 'a1111') encoded.push({ states: weighByScaling(states, weights), pooled })
    else encoded.push({ states: weighFromEmpty(states, weights, (await run(emptyIds)).states), pooled })
  }
  const states = joinAxis(
    encoded.map((chunk) => chunk.states),
    1,
  )
  return { states, pooled: encoded[0]!.pooled, chunks: chunks.length, cut: all.length > chunks.length }
}
