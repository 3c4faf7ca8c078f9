import type { RawPicture } from '../../../contract/index.ts'
import { toRgb } from '../../../images/convert-channels.ts'
import { convertInBands } from '../../../images/convert-in-bands.ts'
import { pasteInTurns } from '../../../images/crop-picture.ts'
import { decodePicture } from '../../../images/decode-picture.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import type { Drawing } from '../../drawing.ts'
import { drawingHeaders } from '../../requests/drawing-headers.ts'
import { compareGrids } from './comparison.ts'

/** Pictures side by side at most. */
const COLUMNS = 4

/** One PNG: the only picture, or all of them in a grid, which tells how its first picture was made. */
export async function answerGrid(drawing: Drawing): Promise<Response> {
  const [first, ...others] = drawing.images
  if (first && others.length === 0) return answerPng(first.bytes, drawing)
  return answerPng(await encodePicture(await joinGrid(drawing), { format: 'png', recipe: first?.recipe }), drawing)
}

/** What was drawn for one prompt. */
export interface PromptDrawing {
  prompt: string
  drawing: Drawing
}

/** One PNG: the grids of two prompts, one above the other, each under its prompt. */
export async function answerComparison(a: PromptDrawing, b: PromptDrawing): Promise<Response> {
  const [first, second] = [a.drawing, b.drawing]
  const sheet = await compareGrids(
    { prompt: a.prompt, grid: await joinGrid(first) },
    { prompt: b.prompt, grid: await joinGrid(second) },
  )
  const known = new Set(first.warnings.map(({ detail }) => detail))
  const warnings = [...first.warnings, ...second.warnings.filter(({ detail }) => !known.has(detail))]
  const images = [...first.images, ...second.images]
  const bytes = await encodePicture(sheet, { format: 'png', recipe: images[0]?.recipe })
  return answerPng(bytes, { ...first, images, warnings })
}

function answerPng(bytes: Uint8Array, drawing: Drawing): Response {
  return new Response(bytes, {
    headers: { ...drawingHeaders(drawing), 'content-type': 'image/png', 'content-length': String(bytes.byteLength) },
  })
}

/** Cells are as large as the first picture and filled row by row, without gaps; what is left over is black. */
async function joinGrid({ images }: Drawing): Promise<RawPicture> {
  const pictures = await Promise.all(images.map(readRgb))
  const { width, height } = pictures[0]!
  const rows = Math.ceil(pictures.length / COLUMNS)
  const columns = Math.ceil(pictures.length / rows)
  const size = { width: columns * width, height: rows * height }
  const grid: RawPicture = { kind: 'raw', channels: 3, ...size, pixels: new Uint8Array(size.width * size.height * 3) }
  for (const [place, picture] of pictures.entries()) {
    await pasteInTurns(grid, picture, { left: (place % columns) * width, top: Math.floor(place / columns) * height })
  }
  return grid
}

async function readRgb({ bytes }: Drawing['images'][number]): Promise<RawPicture> {
  return await convertInBands((await decodePicture(bytes)).picture, 3, toRgb)
}
