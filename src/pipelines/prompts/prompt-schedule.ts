/** What a prompt says until a step, which it includes. Steps count from 0. */
export interface ScheduledText {
  until: number
  text: string
}

/** Text, a change at a step, or a change at every step. */
type Piece = string | { before: Piece[]; after: Piece[]; when: string } | { options: Piece[][] }

const NUMBER = /^\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*$/

/**
 * Reads `[from:to:when]`, `[to:when]`, `[from::when]` and `[a|b]`: which text holds at which of so many steps. `when` is a step, or a share of the
 * steps where it has a point; alternatives take turns. A prompt without any is one text. After `get_learned_conditioning_prompt_schedules`
 * of the A1111 web UI (modules/prompt_parser.py).
 */
export function readSchedule(prompt: string, steps: number): ScheduledText[] {
  const pieces = parsePieces(prompt)
  const ends = [...new Set([...collectEnds(pieces, steps), steps])].sort((a, b) => a - b)
  return ends.map((until) => ({ until, text: textAt(pieces, until, steps) }))
}

function parsePieces(text: string): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < text.length; ) {
    const end = text[at] === '[' ? findEnd(text, at) : undefined
    if (end !== undefined) {
      pieces.push(...parseBrackets(text.slice(at + 1, end)))
      at = end + 1
    } else {
      const length = text[at] === '\\' ? 2 : 1
      pieces.push(text.slice(at, at + length))
      at += length
    }
  }
  return pieces
}

/** What stands in brackets: a change, alternatives, or a text that keeps its brackets. */
function parseBrackets(content: string): Piece[] {
  const parts = splitOutside(content, ':')
  const when = NUMBER.exec(parts.at(-1)!)?.[1]
  if (when !== undefined && (parts.length === 2 || parts.length === 3)) {
    const [before, after] = parts.length === 3 ? parts : ['', parts[0]!]
    return [{ before: parsePieces(before!), after: parsePieces(after!), when }]
  }
  const options = parts.length === 1 ? splitOutside(content, '|') : []
  if (options.length > 1) return [{ options: options.map(parsePieces) }]
  return ['[', ...parsePieces(content), ']']
}

/** The place of the bracket that closes the one at `start`; undefined where none does. Round brackets inside may stay open. */
function findEnd(text: string, start: number): number | undefined {
  const open: string[] = []
  for (let at = start; at < text.length; at++) {
    const character = text[at]!
    if (character === '\\') at++
    else if (character === '[' || character === '(') open.push(character)
    else if (character === ')' && open.at(-1) === '(') open.pop()
    else if (character === ']') {
      while (open.pop() === '(');
      if (open.length === 0) return at
    }
  }
  return undefined
}

/** Splits at a character that stands outside of all brackets. */
function splitOutside(text: string, separator: ':' | '|'): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '\\') at++
    else if (character === '[' || character === '(') depth++
    else if (character === ']' || character === ')') depth--
    else if (character === separator && depth === 0) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...parts, text.slice(start)]
}

function collectEnds(pieces: readonly Piece[], steps: number): number[] {
  return pieces.flatMap((piece) => {
    if (typeof piece === 'string') return []
    if ('options' in piece) {
      const every = Array.from({ length: steps }, (_, step) => step + 1)
      return [...every, ...piece.options.flatMap((option) => collectEnds(option, steps))]
    }
    const end = readStep(piece.when, steps)
    return [...(end >= 1 ? [end] : []), ...collectEnds(piece.before, steps), ...collectEnds(piece.after, steps)]
  })
}

function readStep(when: string, steps: number): number {
  return Math.min(steps, Math.trunc(when.includes('.') ? Number(when) * steps : Number(when)))
}

function textAt(pieces: readonly Piece[], step: number, steps: number): string {
  return pieces
    .map((piece) => {
      if (typeof piece === 'string') return piece
      if ('options' in piece) return textAt(piece.options[(step - 1) % piece.options.length]!, step, steps)
      return textAt(step <= readStep(piece.when, steps) ? piece.before : piece.after, step, steps)
    })
    .join('')
}
