import type { RawPicture, Size } from '../contract/index.ts'
import { takeTurns } from '../event-loop/take-turns.ts'

/** Bytes copied at once: one or two milliseconds, fresh memory included. */
const BAND_BYTES = 4 * 1024 * 1024

/** A place in a picture, in pixels from the top left. */
export interface Position {
  left: number
  top: number
}

/** Copies `picture` into `canvas`, which must have as many channels; what lies outside is cut off. */
export function pastePicture(canvas: RawPicture, picture: RawPicture, { left, top }: Position): void {
  const { channels } = canvas
  const firstColumn = Math.max(0, -left)
  const columns = Math.min(picture.width, canvas.width - left) - firstColumn
  const rows = Math.min(picture.height, canvas.height - top)
  if (columns <= 0) return
  for (let y = Math.max(0, -top); y < rows; y++) {
    const from = (y * picture.width + firstColumn) * channels
    const row = picture.pixels.subarray(from, from + columns * channels)
    canvas.pixels.set(row, ((y + top) * canvas.width + left + firstColumn) * channels)
  }
}

/** As `pastePicture`, in bands of rows, so that a large picture holds up nobody. */
export async function pasteInTurns(canvas: RawPicture, picture: RawPicture, { left, top }: Position): Promise<void> {
  const stride = picture.width * picture.channels
  await takeTurns(picture.height, Math.max(1, Math.floor(BAND_BYTES / stride)), (start, end) => {
    const band = { ...picture, height: end - start, pixels: picture.pixels.subarray(start * stride, end * stride) }
    pastePicture(canvas, band, { left, top: top + start })
  })
}

/** Cuts a part out; what lies outside the picture is black. */
export function cropPicture(picture: RawPicture, { left, top, width, height }: Position & Size): RawPicture {
  if (left === 0 && top === 0 && width === picture.width && height === picture.height) return picture
  const part: RawPicture = { ...picture, width, height, pixels: new Uint8Array(width * height * picture.channels) }
  pastePicture(part, picture, { left: -left, top: -top })
  return part
}

/** Makes a picture larger to the right and below by repeating its last column and row. */
export function extendPicture(picture: RawPicture, size: Size): RawPicture {
  if (size.width === picture.width && size.height === picture.height) return picture
  const { channels } = picture
  const stride = size.width * channels
  const pixels = new Uint8Array(stride * size.height)
  for (let y = 0; y < size.height; y++) {
    if (y >= picture.height) {
      pixels.copyWithin(y * stride, (y - 1) * stride, y * stride)
      continue
    }
    const row = picture.pixels.subarray(y * picture.width * channels, (y + 1) * picture.width * channels)
    pixels.set(row, y * stride)
    for (let at = y * stride + row.length; at < (y + 1) * stride; at++) pixels[at] = pixels[at - channels]!
  }
  return { ...picture, ...size, pixels }
}
