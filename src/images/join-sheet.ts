import type { RawPicture } from '../contract/index.ts'
import { pastePicture } from './crop-picture.ts'

const COLUMNS = 10
const GAP = 8
const BACKGROUND = 0xf4

/** One picture of all thumbnails in a grid; the pictures of an entry stand side by side, before and after. */
export function joinSheet(entries: readonly (readonly RawPicture[])[]): RawPicture {
  const pictures = entries.flat()
  const perEntry = Math.max(1, ...entries.map(({ length }) => length))
  const cell = {
    width: Math.max(1, ...pictures.map(({ width }) => width)),
    height: Math.max(1, ...pictures.map(({ height }) => height)),
  }
  const columns = Math.max(1, Math.min(entries.length, Math.floor(COLUMNS / perEntry)))
  const rows = Math.max(1, Math.ceil(entries.length / columns))
  const entryWidth = perEntry * cell.width + GAP
  const width = GAP + columns * entryWidth
  const height = GAP + rows * (cell.height + GAP)
  const pixels = new Uint8Array(width * height * 3).fill(BACKGROUND)
  const sheet: RawPicture = { kind: 'raw', channels: 3, width, height, pixels }
  entries.forEach((group, index) => {
    const left = GAP + (index % columns) * entryWidth
    const top = GAP + Math.floor(index / columns) * (cell.height + GAP)
    group.forEach((picture, place) => {
      pastePicture(sheet, picture, {
        left: left + place * cell.width + Math.floor((cell.width - picture.width) / 2),
        top: top + Math.floor((cell.height - picture.height) / 2),
      })
    })
  })
  return sheet
}
