import { mergeParts, type PromptPart } from './weighted-text.ts'

const ROUND_FACTOR = 1.1
const SQUARE_FACTOR = 1 / 1.1

/** Escapes, brackets, `:1.3)`, and what lies between. */
const TOKEN = /\\[\\()[\]]|\\|\(|\[|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|\)|\]|[^\\()[\]:]+|:/g
const BREAK = /\s*\bBREAK\b\s*/

/**
 * Reads `(text)` as 1.1 times, `[text]` as 1/1.1 times and `(text:1.3)` as 1.3 times as important; brackets multiply, a backslash makes them
 * letters, one that is never closed holds to the end. After `parse_prompt_attention` of the A1111 web UI.
 */
export function parseA1111(prompt: string): PromptPart[] {
  const parts: PromptPart[] = []
  const round: number[] = []
  const square: number[] = []
  const multiplyFrom = (start: number, factor: number) => {
    for (const part of parts.slice(start)) if (part !== 'break') part.weight *= factor
  }
  for (const [token, weight] of prompt.matchAll(TOKEN)) {
    if (token.startsWith('\\')) parts.push({ text: token.slice(1), weight: 1 })
    else if (token === '(') round.push(parts.length)
    else if (token === '[') square.push(parts.length)
    else if (weight !== undefined && round.length > 0) multiplyFrom(round.pop()!, Number(weight))
    else if (token === ')' && round.length > 0) multiplyFrom(round.pop()!, ROUND_FACTOR)
    else if (token === ']' && square.length > 0) multiplyFrom(square.pop()!, SQUARE_FACTOR)
    else parts.push(...splitAtBreaks(token))
  }
  for (const start of round) multiplyFrom(start, ROUND_FACTOR)
  for (const start of square) multiplyFrom(start, SQUARE_FACTOR)
  return mergeParts(parts)
}

function splitAtBreaks(text: string): PromptPart[] {
  return text.split(BREAK).flatMap((part, i): PromptPart[] => {
    const plain = { text: part, weight: 1 }
    return i === 0 ? [plain] : ['break', plain]
  })
}
