import type { RawPicture } from '../contract/index.ts'

/** The characters from blank to tilde: seven rows each, every row a base-32 digit whose five bits are dots from left to right. */
const GLYPHS = [
  '0000000 4444404 aaa0000 aavavaa 4fke5u4 op248j3 cik8lid c480000 2488842 8422248 0a4v4a0 044v440 0000c48 000v000 00000cc 01248g0',
  'ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ehhehhe ehhf12c 0cc0cc0 0cc0c48 1248421 00v0v00 g84248g eh12404',
  'eh1dlle ehhhvhh uhhuhhu ehggghe sihhhis vgguggv vggsggg ehggjhe hhhvhhh e44444e 72222ic hikokih ggggggv hrlhhhh hhpljhh ehhhhhe',
  'uhhuggg ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllrh hha4ahh hha4444 v1248gv 7444447 0g84210 s44444s 4ah0000 000000v',
  '8420000 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge 698s888 00fhf16 ggmphhh 40c444e 20622ic 889aca9 c44444e 00qllhh 00mphhh 00ehhhe',
  '00uhugg 00djf11 00mpggg 00ege1u 88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 00hhf1e 00v248v 2448442 4444444 8442448 8l20000',
]
  .join(' ')
  .split(' ')

/** Stands for every character that has no glyph: an empty box. */
const UNKNOWN = 'vhhhhhv'

/** Dots from one character and from one line to the next. */
const ADVANCE = 6
const LINE = 9

const DOTS = { wide: 5, tall: 7 } as const

/** How many characters stand side by side when a dot has so many pixels. */
export function countColumns(width: number, dot: number): number {
  return Math.max(1, Math.floor(width / (ADVANCE * dot)))
}

/** How many pixels a dot gets, so that letters are about as large as those of a font of that size. */
export function chooseDot(textSize: number): number {
  return Math.max(1, Math.round(textSize / (DOTS.tall + 1)))
}

/** Draws lines in white on black, RGB, with letters of five by seven dots. Accents are left out; other scripts show as boxes. */
export function drawDotText(lines: readonly string[], dot: number): RawPicture {
  const width = Math.max(1, ...lines.map((line) => [...line].length)) * ADVANCE * dot
  const height = Math.max(1, lines.length) * LINE * dot
  const canvas: RawPicture = { kind: 'raw', channels: 3, width, height, pixels: new Uint8Array(width * height * 3) }
  lines.forEach((line, row) => {
    ;[...line].forEach((character, column) => {
      drawGlyph(canvas, findGlyph(character), { left: column * ADVANCE * dot, top: row * LINE * dot }, dot)
    })
  })
  return canvas
}

function findGlyph(character: string): string {
  const [plain = character] = character.normalize('NFKD')
  return GLYPHS[plain.charCodeAt(0) - 32] ?? UNKNOWN
}

function drawGlyph(canvas: RawPicture, glyph: string, { left, top }: { left: number; top: number }, dot: number): void {
  for (let y = 0; y < DOTS.tall * dot; y++) {
    const bits = Number.parseInt(glyph[Math.floor(y / dot)]!, 32)
    for (let x = 0; x < DOTS.wide * dot; x++) {
      if (((bits >> (DOTS.wide - 1 - Math.floor(x / dot))) & 1) === 0) continue
      const at = ((top + y) * canvas.width + left + x) * 3
      canvas.pixels.fill(255, at, at + 3)
    }
  }
}
