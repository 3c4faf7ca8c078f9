/** A stretch of a prompt with one weight; 1 is ordinary. */
export interface WeightedText {
  text: string
  weight: number
}

/** A prompt in parts; `break` ends a chunk. */
export type PromptPart = WeightedText | 'break'

/** Joins neighbors of equal weight and leaves out empty ones; a prompt without text is one empty part. */
export function mergeParts(parts: readonly PromptPart[]): PromptPart[] {
  const merged: PromptPart[] = []
  for (const part of parts) {
    const previous = merged.at(-1)
    if (part === 'break') merged.push(part)
    else if (previous !== undefined && previous !== 'break' && previous.weight === part.weight) previous.text += part.text
    else if (part.text !== '') merged.push({ ...part })
  }
  return merged.length > 0 ? merged : [{ text: '', weight: 1 }]
}
