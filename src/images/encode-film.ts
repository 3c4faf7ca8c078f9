import sharp from 'sharp'
import type { RawPicture } from '../contract/index.ts'

/** The bytes of an animated WebP that repeats for ever, without loss. Frames are equal in size and have three channels. */
export async function encodeFilm(frames: readonly RawPicture[], framesPerSecond: number): Promise<Uint8Array> {
  const { width, height } = frames[0]!
  const pixels = Buffer.concat(frames.map((frame) => frame.pixels))
  const raw = { width, height: height * frames.length, channels: 3, pageHeight: height } as const
  const delay = frames.map((_, i) => delayBehind(i, framesPerSecond))
  return await sharp(pixels, { raw, limitInputPixels: false }).webp({ lossless: true, effort: 2, loop: 0, delay }).toBuffer()
}

/** Milliseconds until the next frame, so that roundings do not add up. */
function delayBehind(frame: number, framesPerSecond: number): number {
  const at = (count: number) => Math.round((count * 1000) / framesPerSecond)
  return at(frame + 1) - at(frame)
}
