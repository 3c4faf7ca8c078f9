import type { EncodedResult, RawPicture, Size } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { takeTurns } from '../event-loop/take-turns.ts'
import { decodePicture } from './decode-picture.ts'

/** Bytes compared at once: about a millisecond. */
const PART = 1024 * 1024

/** What is worth knowing of a picture before it counts as done. */
export interface PictureCheck {
  width: number
  height: number
  /** Every pixel has the same color. */
  isFlat: boolean
}

/**
 * Decodes a picture, or looks at raw pixels as they are, and checks its size. A file that cannot be decoded is an
 * `unreadable_image` error; a wrong size or too few pixels is an `internal` one, since the backend was told better.
 */
export async function checkPicture(picture: RawPicture | EncodedResult, expected?: Size): Promise<PictureCheck> {
  const raw = picture.kind === 'raw' ? picture : (await decodePicture(picture.bytes)).picture
  const { width, height, channels, pixels } = raw
  if (pixels.length !== width * height * channels || pixels.length === 0) {
    throw new DiffgentorError('internal', `A picture of ${width}x${height} came with ${pixels.length} bytes of pixels.`)
  }
  if (expected && (width !== expected.width || height !== expected.height)) {
    throw new DiffgentorError(
      'internal',
      `The picture should be ${expected.width}x${expected.height} and came as ${width}x${height}.`,
    )
  }
  return { width, height, isFlat: await isFlat(raw) }
}

/** A drawn picture differs within its first pixels, so this ends early but for flat ones. */
async function isFlat({ pixels, channels }: RawPicture): Promise<boolean> {
  let isFlat = true
  await takeTurns(pixels.length, PART, (start, end) => {
    for (let at = Math.max(start, channels); isFlat && at < end; at++) isFlat = pixels[at] === pixels[at - channels]
  })
  return isFlat
}
