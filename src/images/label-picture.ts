import sharp from 'sharp'
import type { RawPicture } from '../contract/index.ts'
import { chooseDot, countColumns, drawDotText } from './dot-font.ts'

/** How a label is laid out. */
export interface LabelLayout {
  /** Pixels within which lines are broken. */
  width: number
  /** Size of the letters, in pixels. */
  textSize: number
  /** What does not fit into so many lines is cut off and ends in an ellipsis. */
  maxLines: number
}

/** No label holds more characters than this. */
const MAX_CHARACTERS = 600

/** From one line to the next, in sizes of the text. */
const LINE_HEIGHT = 1.4

const ELLIPSIS = '…'

/** Draws a text in white on black, RGB: with the fonts of the machine, or with dots where it has none. */
export async function drawLabel(text: string, layout: LabelLayout): Promise<RawPicture> {
  const characters = splitCharacters(text)
  fontsWork ??= findFonts()
  return characters.length > 0 && (await fontsWork) ? await drawWithFonts(characters, layout) : drawWithDots(characters, layout)
}

let fontsWork: Promise<boolean> | undefined

/** Without fonts every letter is the same box. */
async function findFonts(): Promise<boolean> {
  try {
    const layout = { width: 64, textSize: 32 }
    const [i, w] = await Promise.all(['i', 'W'].map((letter) => renderText(letter, layout)))
    return i!.width !== w!.width
  } catch {
    return false
  }
}

/** What readers see as single characters; line breaks count as blanks, and what no font draws is left out. */
function splitCharacters(text: string): string[] {
  const plain = text
    .slice(0, MAX_CHARACTERS * 8)
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cs}\p{Cn}]/gu, '')
    .trim()
  const characters = [...new Intl.Segmenter().segment(plain)].map(({ segment }) => segment)
  return characters.length > MAX_CHARACTERS ? [...characters.slice(0, MAX_CHARACTERS), ELLIPSIS] : characters
}

async function drawWithFonts(characters: readonly string[], layout: LabelLayout): Promise<RawPicture> {
  const maxHeight = layout.maxLines * layout.textSize * LINE_HEIGHT
  const whole = await renderText(characters.join(''), layout)
  if (whole.height <= maxHeight) return whole
  let [fits, tooMany] = [0, characters.length]
  let shown = await renderText(ELLIPSIS, layout)
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1
    const tried = await renderText(characters.slice(0, middle).join('').trimEnd() + ELLIPSIS, layout)
    if (tried.height <= maxHeight) {
      shown = tried
      fits = middle
    } else {
      tooMany = middle
    }
  }
  return shown
}

/** The text as Pango sets it, cut to what is not blank. */
async function renderText(text: string, { width, textSize }: Pick<LabelLayout, 'width' | 'textSize'>): Promise<RawPicture> {
  const markup = `<span foreground="white">${escapeMarkup(text)}</span>`
  const { data, info } = await sharp({
    text: { text: markup, font: `sans ${textSize}`, dpi: 72, width, wrap: 'word-char', rgba: true },
  })
    .flatten({ background: 'black' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return { kind: 'raw', channels: 3, width: info.width, height: info.height, pixels: data }
}

function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function drawWithDots(characters: readonly string[], { width, textSize, maxLines }: LabelLayout): RawPicture {
  const dot = chooseDot(textSize)
  const columns = countColumns(width, dot)
  const lines = breakLines(characters, columns)
  if (lines.length <= maxLines) return drawDotText(lines, dot)
  const shown = lines.slice(0, maxLines)
  shown[maxLines - 1] = `${shown[maxLines - 1]!.slice(0, Math.max(0, columns - 3))}...`
  return drawDotText(shown, dot)
}

/** Breaks at blanks, and within words that are longer than a line. */
function breakLines(characters: readonly string[], columns: number): string[] {
  const lines: string[] = []
  let line: string[] = []
  for (const character of characters) {
    line.push(character)
    if (line.length <= columns) continue
    const blank = line.lastIndexOf(' ')
    const end = blank > 0 ? blank : columns
    lines.push(line.slice(0, end).join(''))
    line = line.slice(blank > 0 ? end + 1 : end)
  }
  return [...lines, line.join('')]
}
