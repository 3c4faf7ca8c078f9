/** One of several prompts that are guided towards together. */
export interface CombinedPart {
  text: string
  /** Its share of the guidance; 1 is a whole one. */
  weight: number
}

const WEIGHTED = /^([\s\S]*?)(?:\s*:\s*([-+]?(?:\d+\.?|\d*\.\d+)))?\s*$/

/** Splits `a AND b :0.8` (arXiv 2206.01714, as the A1111 web UI writes it); a prompt without AND is one part as it stands. */
export function splitCombined(prompt: string): CombinedPart[] {
  const parts = prompt.split(/\bAND\b/)
  if (parts.length === 1) return [{ text: prompt, weight: 1 }]
  return parts.map((part) => {
    const [, text = part, weight] = WEIGHTED.exec(part) ?? []
    return { text, weight: weight === undefined ? 1 : Number(weight) }
  })
}
