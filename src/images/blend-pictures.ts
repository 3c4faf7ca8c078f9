import type { RawPicture } from '../contract/index.ts'

/** `over` where the gray mask is white, `base` where it is black, and both in their shares between. All have one size; the pictures are RGB. */
export function blendPictures(base: RawPicture, over: RawPicture, mask: RawPicture): RawPicture {
  const pixels = new Uint8Array(base.pixels.length)
  for (let at = 0, place = 0; at < pixels.length; place++) {
    const share = mask.pixels[place]!
    for (let channel = 0; channel < 3; channel++, at++) {
      pixels[at] = Math.round((base.pixels[at]! * (255 - share) + over.pixels[at]! * share) / 255)
    }
  }
  return { ...base, pixels }
}
