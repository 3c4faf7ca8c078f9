import type { RawPicture } from '../contract/index.ts'
import { takeTurns } from '../event-loop/take-turns.ts'

/** Pixels blended at once: about a millisecond. */
const PART_PIXELS = 128 * 1024

/**
 * `over` where the gray mask is white, `base` where it is black, and both in their shares between. All have one size; the pictures
 * are RGB. Works in parts, so that a large picture holds up nobody.
 */
export async function blendPictures(base: RawPicture, over: RawPicture, mask: RawPicture): Promise<RawPicture> {
  const pixels = new Uint8Array(base.pixels.length)
  await takeTurns(mask.pixels.length, PART_PIXELS, (start, end) => {
    for (let place = start, at = start * 3; place < end; place++) {
      const share = mask.pixels[place]!
      for (let channel = 0; channel < 3; channel++, at++) {
        pixels[at] = Math.round((base.pixels[at]! * (255 - share) + over.pixels[at]! * share) / 255)
      }
    }
  })
  return { ...base, pixels }
}
