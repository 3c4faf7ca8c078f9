import sharp from 'sharp'
import type { RawPicture } from '../contract/index.ts'

/** Smallest sigma that makes a difference. */
const LEAST_SIGMA = 0.3

/** Blurs a gray picture with a Gaussian of that many pixels, outside of the event loop. */
export async function softenMask(mask: RawPicture, sigma: number): Promise<RawPicture> {
  if (sigma < LEAST_SIGMA) return mask
  const { pixels, width, height, channels } = mask
  const data = await sharp(pixels, { raw: { width, height, channels }, limitInputPixels: false })
    .blur(sigma)
    .toColourspace('b-w')
    .raw({ depth: 'uchar' })
    .toBuffer()
  return { ...mask, pixels: data }
}
