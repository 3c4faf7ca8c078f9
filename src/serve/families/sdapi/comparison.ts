import type { RawPicture } from '../../../contract/index.ts'
import { pastePicture } from '../../../images/crop-picture.ts'

/** Rows of five pixels each; `#` is white. */
const LETTERS = {
  A: ['.###.', '#...#', '#...#', '#####', '#...#', '#...#', '#...#'],
  B: ['####.', '#...#', '#...#', '####.', '#...#', '#...#', '####.'],
} as const

/** Side of a letter's pixel, and the space around a letter, in pixels. */
const DOT = 4
const MARGIN = 6

const BAND = 5 * DOT + 2 * MARGIN

/** Two grids one above the other, each with its letter at its left. The grids are RGB. */
export function compareGrids(first: RawPicture, second: RawPicture): RawPicture {
  const width = BAND + Math.max(first.width, second.width)
  const height = first.height + second.height
  const sheet: RawPicture = { kind: 'raw', channels: 3, width, height, pixels: new Uint8Array(width * height * 3) }
  pastePicture(sheet, first, { left: BAND, top: 0 })
  pastePicture(sheet, second, { left: BAND, top: first.height })
  pastePicture(sheet, drawLetter('A'), { left: MARGIN, top: MARGIN })
  pastePicture(sheet, drawLetter('B'), { left: MARGIN, top: first.height + MARGIN })
  return sheet
}

function drawLetter(letter: keyof typeof LETTERS): RawPicture {
  const rows = LETTERS[letter]
  const width = 5 * DOT
  const height = rows.length * DOT
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (rows[Math.floor(y / DOT)]![Math.floor(x / DOT)] === '#') pixels.fill(255, (y * width + x) * 3, (y * width + x + 1) * 3)
    }
  }
  return { kind: 'raw', channels: 3, width, height, pixels }
}
