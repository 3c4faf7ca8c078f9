import type { RawPicture } from '../../../contract/index.ts'
import { pasteInTurns, pastePicture } from '../../../images/crop-picture.ts'
import { drawLabel } from '../../../images/label-picture.ts'

/** One side of a comparison: what was asked for, and the RGB picture that it came to. */
export interface Compared {
  prompt: string
  grid: RawPicture
}

/** A sheet is at least so wide, that prompts can be read above small pictures. */
const LEAST_WIDTH = 240

/** Letters of a label, in pixels: a share of the width, within bounds. */
const TEXT_SHARE = 1 / 40
const TEXT_SIZES = { least: 12, most: 40 } as const

const MAX_LINES = 3

/** Two grids one above the other, each under its letter and its prompt. */
export async function compareGrids(first: Compared, second: Compared): Promise<RawPicture> {
  const width = Math.max(LEAST_WIDTH, first.grid.width, second.grid.width)
  const textSize = Math.round(Math.min(TEXT_SIZES.most, Math.max(TEXT_SIZES.least, width * TEXT_SHARE)))
  const margin = Math.round(textSize / 2)
  const layout = { width: width - 2 * margin, textSize, maxLines: MAX_LINES }
  const parts = [
    { label: await drawLabel(`A: ${first.prompt}`, layout), grid: first.grid },
    { label: await drawLabel(`B: ${second.prompt}`, layout), grid: second.grid },
  ]
  const height = parts.reduce((sum, { label, grid }) => sum + label.height + 2 * margin + grid.height, 0)
  const sheet: RawPicture = { kind: 'raw', channels: 3, width, height, pixels: new Uint8Array(width * height * 3) }
  let top = 0
  for (const { label, grid } of parts) {
    pastePicture(sheet, label, { left: margin, top: top + margin })
    top += label.height + 2 * margin
    await pasteInTurns(sheet, grid, { left: 0, top })
    top += grid.height
  }
  return sheet
}
