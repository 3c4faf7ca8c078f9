import type { RawPicture } from '../contract/index.ts'

/** Three channels: gray is repeated, alpha is dropped without blending, as Pillow's `convert("RGB")` does. */
export function toRgb(picture: RawPicture): RawPicture {
  if (picture.channels === 3) return picture
  const { width, height, channels, pixels } = picture
  const rgb = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; from < pixels.length; from += channels, to += 3) {
    rgb[to] = pixels[from]!
    rgb[to + 1] = pixels[channels === 1 ? from : from + 1]!
    rgb[to + 2] = pixels[channels === 1 ? from : from + 2]!
  }
  return { ...picture, channels: 3, pixels: rgb }
}

/** One channel: ITU-R 601-2 luma in Pillow's fixed point; alpha is dropped. */
export function toGray(picture: RawPicture): RawPicture {
  if (picture.channels === 1) return picture
  const { width, height, channels, pixels } = picture
  const gray = new Uint8Array(width * height)
  for (let from = 0, to = 0; from < pixels.length; from += channels, to++) {
    gray[to] = (pixels[from]! * 19595 + pixels[from + 1]! * 38470 + pixels[from + 2]! * 7471 + 0x8000) >> 16
  }
  return { ...picture, channels: 1, pixels: gray }
}

/** Every value counted from the other end: white for black. */
export function invertPicture(picture: RawPicture): RawPicture {
  return { ...picture, pixels: picture.pixels.map((value) => 255 - value) }
}

/** Blends a picture with alpha over one color; one without alpha is given back as three channels. */
export function compositeOver(picture: RawPicture, color: readonly [number, number, number]): RawPicture {
  if (picture.channels !== 4) return toRgb(picture)
  const { width, height, pixels } = picture
  const rgb = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    const alpha = pixels[from + 3]!
    for (let channel = 0; channel < 3; channel++) {
      rgb[to + channel] = divideBy255(pixels[from + channel]! * alpha + color[channel]! * (255 - alpha))
    }
  }
  return { ...picture, channels: 3, pixels: rgb }
}

/** Colors multiplied by alpha, rounded as Pillow does (`RGBA` → `RGBa`). */
export function premultiplyAlpha(picture: RawPicture): RawPicture {
  const pixels = new Uint8Array(picture.pixels.length)
  for (let at = 0; at < pixels.length; at += 4) {
    const alpha = picture.pixels[at + 3]!
    for (let channel = 0; channel < 3; channel++) pixels[at + channel] = divideBy255(picture.pixels[at + channel]! * alpha)
    pixels[at + 3] = alpha
  }
  return { ...picture, pixels }
}

/** The way back, truncating as Pillow does (`RGBa` → `RGBA`). */
export function unpremultiplyAlpha(picture: RawPicture): RawPicture {
  const pixels = Uint8Array.from(picture.pixels)
  for (let at = 0; at < pixels.length; at += 4) {
    const alpha = pixels[at + 3]!
    if (alpha === 0 || alpha === 255) continue
    for (let channel = 0; channel < 3; channel++) {
      pixels[at + channel] = Math.min(255, Math.trunc((255 * pixels[at + channel]!) / alpha))
    }
  }
  return { ...picture, pixels }
}

/** A product of two bytes over 255, rounded, without a division. */
function divideBy255(product: number): number {
  const shifted = product + 128
  return ((shifted >> 8) + shifted) >> 8
}
