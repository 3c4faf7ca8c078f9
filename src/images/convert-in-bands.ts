import type { RawPicture } from '../contract/index.ts'
import { takeTurns } from '../event-loop/take-turns.ts'

/** Pixels converted at once: one or two milliseconds. */
const BAND_PIXELS = 256 * 1024

/** Does to a picture what `convert` does to each of its pixels by itself, in bands of rows, so that a large one holds up nobody. */
export async function convertInBands(
  picture: RawPicture,
  channels: RawPicture['channels'],
  convert: (band: RawPicture) => RawPicture,
): Promise<RawPicture> {
  const { width, height, pixels } = picture
  const rows = Math.max(1, Math.floor(BAND_PIXELS / width))
  if (rows >= height) return convert(picture)
  const stride = width * picture.channels
  const result: RawPicture = { ...picture, channels, pixels: new Uint8Array(width * height * channels) }
  await takeTurns(height, rows, (start, end) => {
    const band = { ...picture, height: end - start, pixels: pixels.subarray(start * stride, end * stride) }
    result.pixels.set(convert(band).pixels, start * width * channels)
  })
  return result
}
