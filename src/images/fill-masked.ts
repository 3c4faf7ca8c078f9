import sharp from 'sharp'
import type { RawPicture } from '../contract/index.ts'
import { takeTurns } from '../event-loop/take-turns.ts'

/** Blurs laid over each other from wide to narrow, each so often (stable-diffusion-webui, modules/masking.py). */
const LAYERS = [
  { radius: 256, times: 1 },
  { radius: 64, times: 1 },
  { radius: 16, times: 2 },
  { radius: 4, times: 4 },
  { radius: 2, times: 2 },
] as const

/** Pixels worked on at once: one or two milliseconds. */
const PART_PIXELS = 64 * 1024

/**
 * Paints the surroundings of a mask's white part into it, blurred. The picture is RGB, the mask gray, both of one size. Works in
 * parts, so that a large picture holds up nobody.
 */
export async function fillMasked(picture: RawPicture, mask: RawPicture): Promise<RawPicture> {
  const cut = await cutOut(picture, mask)
  const layers: { pixels: Uint8Array; times: number }[] = []
  for (const { radius, times } of LAYERS) layers.push({ pixels: await blur(cut, radius), times })
  layers.push({ pixels: cut.pixels, times: 1 })
  const pixels = new Uint8Array(picture.pixels.length)
  await takeTurns(mask.pixels.length, PART_PIXELS, (start, end) => {
    // Colors times alpha, and alpha.
    const laid = new Float32Array((end - start) * 4)
    for (const layer of layers) layOver(laid, layer.pixels.subarray(start * 4, end * 4), layer.times)
    for (let from = 0, to = start * 3; from < laid.length; from += 4, to += 3) {
      const alpha = laid[from + 3]! || 1
      for (let channel = 0; channel < 3; channel++) pixels[to + channel] = Math.round(laid[from + channel]! / alpha)
    }
  })
  return { ...picture, pixels }
}

/** The picture with its masked part transparent. */
async function cutOut(picture: RawPicture, mask: RawPicture): Promise<RawPicture> {
  const pixels = new Uint8Array(mask.pixels.length * 4)
  await takeTurns(mask.pixels.length, PART_PIXELS, (start, end) => {
    for (let place = start; place < end; place++) {
      for (let channel = 0; channel < 3; channel++) pixels[place * 4 + channel] = picture.pixels[place * 3 + channel]!
      pixels[place * 4 + 3] = 255 - mask.pixels[place]!
    }
  })
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
