import sharp from 'sharp'
import type { RawPicture } from '../contract/index.ts'

/** Blurs laid over each other from wide to narrow, each so often (stable-diffusion-webui, modules/masking.py). */
const LAYERS = [
  { radius: 256, times: 1 },
  { radius: 64, times: 1 },
  { radius: 16, times: 2 },
  { radius: 4, times: 4 },
  { radius: 2, times: 2 },
] as const

/** Paints the surroundings of a mask's white part into it, blurred. The picture is RGB, the mask gray, both of one size. */
export async function fillMasked(picture: RawPicture, mask: RawPicture): Promise<RawPicture> {
  const cut = cutOut(picture, mask)
  // Colors times alpha, and alpha.
  const laid = new Float32Array(cut.pixels.length)
  for (const { radius, times } of LAYERS) layOver(laid, await blur(cut, radius), times)
  layOver(laid, cut.pixels, 1)
  const pixels = new Uint8Array(picture.pixels.length)
  for (let from = 0, to = 0; from < laid.length; from += 4, to += 3) {
    const alpha = laid[from + 3]! || 1
    for (let channel = 0; channel < 3; channel++) pixels[to + channel] = Math.round(laid[from + channel]! / alpha)
  }
  return { ...picture, pixels }
}

/** The picture with its masked part transparent. */
function cutOut(picture: RawPicture, mask: RawPicture): RawPicture {
  const pixels = new Uint8Array(mask.pixels.length * 4)
  for (let place = 0; place < mask.pixels.length; place++) {
    pixels.set(picture.pixels.subarray(place * 3, place * 3 + 3), place * 4)
    pixels[place * 4 + 3] = 255 - mask.pixels[place]!
  }
  return { ...picture, channels: 4, pixels }
}

async function blur({ pixels, width, height }: RawPicture, radius: number): Promise<Uint8Array> {
  return await sharp(pixels, { raw: { width, height, channels: 4 }, limitInputPixels: false })
    .blur(radius)
    .raw({ depth: 'uchar' })
    .toBuffer()
}

/** Laying a layer over another n times is laying it once with an alpha of 1 − (1 − alpha)ⁿ. */
function layOver(laid: Float32Array, layer: Uint8Array, times: number): void {
  for (let at = 0; at < laid.length; at += 4) {
    const alpha = 1 - (1 - layer[at + 3]! / 255) ** times
    for (let channel = 0; channel < 3; channel++) {
      laid[at + channel] = layer[at + channel]! * alpha + laid[at + channel]! * (1 - alpha)
    }
    laid[at + 3] = alpha + laid[at + 3]! * (1 - alpha)
  }
}
