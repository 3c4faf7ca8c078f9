import sharp from 'sharp'
import type { RawPicture } from '../contract/index.ts'
import { joinPieces } from '../event-loop/join-pieces.ts'
import { describeInWebp } from './encode-picture.ts'
import type { Recipe } from './recipe.ts'

export interface FilmOptions {
  framesPerSecond: number
  /** 1–100. Absent: without loss. */
  quality?: number | undefined
  /** Stored in the file; absent: the file holds no metadata at all. */
  recipe?: Recipe | undefined
}

/** The bytes of an animated WebP that repeats for ever. All frames must have one size and three channels. Equal frames give equal bytes. */
export async function encodeFilm(frames: readonly RawPicture[], options: FilmOptions): Promise<Uint8Array> {
  const { framesPerSecond, quality, recipe } = options
  const { width, height } = frames[0]!
  const pixels = await joinPieces(frames.map((frame) => frame.pixels))
  const raw = { width, height: height * frames.length, channels: 3, pageHeight: height } as const
  const delay = frames.map((_, i) => delayBehind(i, framesPerSecond))
  const kind = quality === undefined ? { lossless: true } : { quality }
  const film = await sharp(pixels, { raw, limitInputPixels: false })
    .webp({ ...kind, effort: 2, loop: 0, delay })
    .toBuffer()
  return await describeInWebp(film, recipe)
}

/** Milliseconds until the next frame, so that roundings do not add up. */
function delayBehind(frame: number, framesPerSecond: number): number {
  const at = (count: number) => Math.round((count * 1000) / framesPerSecond)
  return at(frame + 1) - at(frame)
}
