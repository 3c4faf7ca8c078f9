import type { RawPicture } from '../contract/index.ts'
import { pastePicture } from './crop-picture.ts'
import { THUMBNAIL_PIXELS } from './thumbnail.ts'

const COLUMNS = 12
const GAP = 8
const BACKGROUND = 0xf4

/** One picture of all thumbnails in a grid; the pictures of an entry stand side by side, before and after. */
export function joinSheet(entries: readonly (readonly RawPicture[])[]): RawPicture {
  const cells = Math.max(1, ...entries.map((pictures) => pictures.length))
  const columns = Math.max(1, Math.min(entries.length, Math.floor(COLUMNS / cells)))
  const rows = Math.max(1, Math.ceil(entries.length / columns))
  const entryWidth = cells * THUMBNAIL_PIXELS + GAP
  const width = GAP + columns * entryWidth
  const height = GAP + rows * (THUMBNAIL_PIXELS + GAP)
  const sheet: RawPicture = {
    kind: 'raw',
    channels: 3,
    width,
    height,
    pixels: new Uint8Array(width * height * 3).fill(BACKGROUND),
  }
  entries.forEach((pictures, index) => {
    const left = GAP + (index % columns) * entryWidth
    const top = GAP + Math.floor(index / columns) * (THUMBNAIL_PIXELS + GAP)
    pictures.forEach((picture, cell) => {
      pastePicture(sheet, picture, {
        left: left + cell * THUMBNAIL_PIXELS + Math.floor((THUMBNAIL_PIXELS - picture.width) / 2),
        top: top + Math.floor((THUMBNAIL_PIXELS - picture.height) / 2),
      })
    })
  })
  return sheet
}
