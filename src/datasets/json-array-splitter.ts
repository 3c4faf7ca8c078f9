import { DiffgentorError } from '../errors.ts'
import { isBlank, NEWLINE, QUOTE, type RecordLayout, type RecordSpans, type RecordSplitter } from './record-splitter.ts'

const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125
const COMMA = 44
const BACKSLASH = 92

/** The elements of one top-level array. What stands between two commas is a record, well-formed or not: parsing tells. */
export function jsonArrayLayout(name: string): RecordLayout {
  return {
    createSplitter: (line, isFirst) => new JsonArraySplitter(name, line, isFirst),
    isBoundary: (next) => next === undefined || isBlank(next) || next === COMMA || next === CLOSE_BRACKET,
  }
}

class JsonArraySplitter implements RecordSplitter {
  readonly #name: string
  #line: number
  #part: 'before' | 'inside' | 'after'

  constructor(name: string, line: number, isFirst: boolean) {
    this.#name = name
    this.#line = line
    this.#part = isFirst ? 'before' : 'inside'
  }

  split(buffer: Uint8Array, length: number, isEnd: boolean, spans: RecordSpans): number {
    let at = 0
    while (at < length) {
      const byte = buffer[at]!
      if (isBlank(byte)) {
        if (byte === NEWLINE) this.#line += 1
        at += 1
      } else if (this.#part !== 'inside') {
        this.#readOutside(byte)
        at += 1
      } else if (byte === COMMA) {
        at += 1
      } else if (byte === CLOSE_BRACKET) {
        this.#part = 'after'
        at += 1
      } else {
        const end = findElementEnd(buffer, at, length)
        if (end < 0) break
        this.#push(buffer, at, end, spans)
        at = end
      }
    }
    if (isEnd && this.#part !== 'after')
      throw this.#refuse('its array is never closed, so the file is torn or a bracket is missing')
    return at
  }

  #readOutside(byte: number): void {
    if (this.#part === 'after') throw this.#refuse(`text follows the closing bracket in line ${this.#line}`)
    if (byte !== OPEN_BRACKET) {
      throw this.#refuse('a .json data set is one array of objects or texts; for one object a line use --input_format jsonl')
    }
    this.#part = 'inside'
  }

  #push(buffer: Uint8Array, start: number, to: number, spans: RecordSpans): void {
    let end = to
    while (isBlank(buffer[end - 1]!)) end -= 1
    spans.starts.push(start)
    spans.ends.push(end)
    spans.lines.push(this.#line)
    for (let at = buffer.indexOf(NEWLINE, start); at >= 0 && at < to; at = buffer.indexOf(NEWLINE, at + 1)) this.#line += 1
  }

  #refuse(reason: string): DiffgentorError {
    return new DiffgentorError('invalid_configuration', `${this.#name} cannot be read as JSON: ${reason}.`)
  }
}

/** The comma or bracket that ends the element beginning at `start`, or -1 when the buffer ends first. */
function findElementEnd(buffer: Uint8Array, start: number, length: number): number {
  let depth = 0
  for (let at = start; at < length; at += 1) {
    const byte = buffer[at]!
    if (byte === QUOTE) {
      at = findStringEnd(buffer, at, length)
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1
    } else if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACKET)) {
      return at
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1
    }
  }
  return -1
}

/** The closing quote of the string that opens at `start`, or `length`. */
function findStringEnd(buffer: Uint8Array, start: number, length: number): number {
  for (let at = start + 1; at < length; at += 1) {
    const byte = buffer[at]!
    if (byte === BACKSLASH) at += 1
    else if (byte === QUOTE) return at
  }
  return length
}
