/** Replaces what a table of normalization rules names. */
export interface CharsMap {
  /** As sentencepiece does: the longest run of characters that has a rule. */
  replaceRuns(text: string): string
  /** As the tokenizers of transformers do: what a reader sees as one letter, else each of its characters. */
  replaceLetters(text: string): string
}

/** Bytes of the largest letter that `replaceLetters` looks up whole, and one more. */
const LETTER_LIMIT = 6

const LETTERS = new Intl.Segmenter('und', { granularity: 'grapheme' })

/** Reads the precompiled rules of a SentencePiece model: the size of a trie in bytes, the trie, and the replacements with a zero behind each. */
export function readCharsMap(bytes: Uint8Array): CharsMap {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const trieBytes = view.getUint32(0, true)
  if (trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) throw new RangeError('torn')
  const trie = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
  const replacements = bytes.subarray(4 + trieBytes)
  const spell = (at: number) => Buffer.from(replacements.subarray(at, replacements.indexOf(0, at))).toString('utf8')

  const replaceLetters = (text: string) => {
    let normalized = ''
    for (const { segment } of LETTERS.segment(text)) {
      const rule = Buffer.byteLength(segment) < LETTER_LIMIT ? findRules(trie, Buffer.from(segment))[0] : undefined
      normalized += rule ? spell(rule.replacement) : [...segment].map(replaceCharacter).join('')
    }
    return normalized
  }

  const replaceCharacter = (character: string) => {
    const [rule] = findRules(trie, Buffer.from(character))
    return rule ? spell(rule.replacement) : character
  }

  const replaceRuns = (text: string) => {
    const rest = Buffer.from(text)
    let normalized = ''
    for (let at = 0; at < rest.length; ) {
      const rule = findRules(trie, rest.subarray(at)).at(-1)
      const length = rule?.length ?? lengthOfCharacter(rest[at]!)
      normalized += rule ? spell(rule.replacement) : rest.toString('utf8', at, at + length)
      at += length
    }
    return normalized
  }

  return { replaceRuns, replaceLetters }
}

interface Rule {
  /** Bytes of the text that the rule replaces. */
  length: number
  /** Where the replacement begins. */
  replacement: number
}

/** The rules for the beginnings of a text, shorter ones first. The trie is a double array as in github.com/s-yata/darts-clone. */
function findRules(trie: Uint32Array, text: Uint8Array): Rule[] {
  const rules: Rule[] = []
  let node = offsetOf(trie[0] ?? 0)
  for (const [index, byte] of text.entries()) {
    node ^= byte
    const unit = trie[node]
    if (byte === 0 || unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) break
    node ^= offsetOf(unit)
    const hasLeaf = ((unit >>> 8) & 1) === 1
    if (hasLeaf) rules.push({ length: index + 1, replacement: trie[node]! & 0x7fffffff })
  }
  return rules
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6)
}

function lengthOfCharacter(firstByte: number): number {
  if (firstByte < 0x80) return 1
  if (firstByte < 0xe0) return 2
  return firstByte < 0xf0 ? 3 : 4
}
