import { unescapeHtml } from './html-entities.ts'

/** Two letters in one sign, and what stands for it. */
const LIGATURES: ReadonlyMap<string, string> = new Map(
  'ĲIJ ĳij ŉʼn ǱDZ ǲDz ǳdz ǄDŽ ǅDž ǆdž ǇLJ ǈLj ǉlj ǊNJ ǋNj ǌnj ﬀff ﬁfi ﬂfl ﬃffi ﬄffl ﬅſt ﬆst'
    .split(' ')
    .map((entry) => [entry.slice(0, 1), entry.slice(1)] as const),
)

const LIGATURE = new RegExp(`[${[...LIGATURES.keys()].join('')}]`, 'g')
const ESCAPE = String.fromCharCode(0x1b)
const TERMINAL_ESCAPE = new RegExp(`${ESCAPE}\\[[\\d;]*[a-zA-Z]`, 'g')
/** Control characters but those that make space, and C1 controls that mean nothing in Windows-1252. */
const UNWANTED = /[^\P{Cc}\t\n\f\r\u0080-\u009f]|[\u206a-\u206f\ufeff\ufff9-\ufffc]/gu
/** What Windows-1252 has in place of the C1 controls from U+0080 on. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

/**
 * Repairs a text as the Python package ftfy does, through which CLIP's tokenizer and Wan's pipeline of Python send theirs: HTML's ways
 * of writing characters, ligatures, full-width letters, curled quotes, line breaks and control characters. What was once read in a wrong
 * encoding stays as it is.
 */
export function repairText(text: string): string {
  return text
    .split(/(?<=\n)/)
    .map(repairLine)
    .join('')
}

function repairLine(line: string): string {
  // A text with tags may be about HTML.
  const readEntities = line.includes('<') ? (text: string) => text : unescapeHtml
  for (let before = line; ; ) {
    const repaired = repairOnce(readEntities(before))
    if (repaired === before) return repaired
    before = repaired
  }
}

function repairOnce(text: string): string {
  return text
    .replace(/[\u0080-\u009f]/g, (sign) => WINDOWS_1252[sign.charCodeAt(0) - 0x80]!)
    .replace(LIGATURE, (sign) => LIGATURES.get(sign)!)
    .replace(/[\u3000\uff01-\uffef]/g, (letter) => letter.normalize('NFKC'))
    .replace(/[\u02bc\u2018-\u201b]/g, "'")
    .replace(/[\u201c-\u201f]/g, '"')
    .replace(/\r\n|[\r\u2028\u2029]/g, '\n')
    .replace(TERMINAL_ESCAPE, '')
    .replace(UNWANTED, '')
    .normalize('NFC')
}
