import { mergeParts, type WeightedText } from './weighted-text.ts'

const RAISE = 1.1
const LOWER = 0.9

/** Escapes, brackets with what follows them, and words with what follows them. */
const TOKEN = /\\(.)|\(|\)(\++|-+|\d+\.?\d*|\.\d+)?|([^\s\\()+]+?)(\++|-+)(?=[\s,.;:!?)]|$)|[^\\()\s]+|\s+/g

/**
 * Reads `word++` and `(some words)-` as 1.1 or 0.9 times for each sign, and `(some words)1.3` as 1.3 times as important; brackets multiply.
 * The weighting part of the compel library's language.
 */
export function parseCompel(prompt: string): WeightedText[] {
  const parts: WeightedText[] = []
  const open: number[] = []
  for (const [token, escaped, after, word, signs] of prompt.matchAll(TOKEN)) {
    if (escaped !== undefined) parts.push({ text: escaped, weight: 1 })
    else if (token === '(') open.push(parts.length)
    else if (token.startsWith(')') && open.length > 0) {
      const factor = readFactor(after)
      for (const part of parts.slice(open.pop())) part.weight *= factor
    } else if (word !== undefined) parts.push({ text: word, weight: readFactor(signs) })
    else parts.push({ text: token, weight: 1 })
  }
  return mergeParts(parts) as WeightedText[]
}

function readFactor(mark: string | undefined): number {
  if (!mark) return 1
  if (mark.startsWith('+')) return RAISE ** mark.length
  if (mark.startsWith('-')) return LOWER ** mark.length
  return Number(mark)
}
