import type { TextTokenizer } from '../../tokenizers/index.ts'
import type { PromptPart } from './weighted-text.ts'

/** What one run of a text encoder reads: framed ids and a weight for each. */
export interface PromptChunk {
  ids: number[]
  weights: number[]
}

/** A comma within so many tokens before the end of a chunk is where it is cut. */
const COMMA_REACH = 20

/** Cuts a prompt into chunks of the encoder's length, at a comma where one is near, as the A1111 web UI does. */
export function chunkTokens(parts: readonly PromptPart[], tokenizer: TextTokenizer, length: number): PromptChunk[] {
  const room = length - 2
  const comma = tokenizer.findId(',</w>')
  const chunks: WeightedToken[][] = []
  let current: WeightedToken[] = []
  let lastComma = -1
  const close = (rest: WeightedToken[] = []) => {
    chunks.push(current)
    current = rest
    lastComma = -1
  }
  for (const part of parts) {
    if (part === 'break') {
      close()
      continue
    }
    for (const id of tokenizer.tokenize(part.text)) {
      const isNear = lastComma !== -1 && current.length - lastComma <= COMMA_REACH
      if (id === comma) lastComma = current.length
      else if (current.length === room && isNear) close(current.splice(lastComma + 1))
      if (current.length === room) close()
      current.push({ id, weight: part.weight })
    }
  }
  if (current.length > 0 || chunks.length === 0) close()
  return chunks.map((tokens) => frame(tokens, tokenizer, length))
}

interface WeightedToken {
  id: number
  weight: number
}

function frame(tokens: readonly WeightedToken[], tokenizer: TextTokenizer, length: number): PromptChunk {
  const ids = tokenizer.frame(
    tokens.map(({ id }) => id),
    length,
  )
  return { ids, weights: ids.map((_, i) => tokens[i - 1]?.weight ?? 1) }
}
