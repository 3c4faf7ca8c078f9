import type { RawPicture } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { enlargePicture } from '../../images/enlarge-picture.ts'

/** Pixels of an enlarged picture at most. */
const MAX_PIXELS = 64e6

/** What enlarges finished pictures so many times in both directions. */
export function enlargeTimes(scale: number): (picture: RawPicture) => Promise<RawPicture> {
  return async (picture) => {
    const size = { width: picture.width * scale, height: picture.height * scale }
    if (size.width * size.height <= MAX_PIXELS) return await enlargePicture(picture, size, 'lanczos')
    throw new DiffgentorError(
      'invalid_request',
      `The enlarged picture would have ${size.width}x${size.height} pixels, more than the ${MAX_PIXELS / 1e6} megapixels allowed.`,
      { field: 'upscaling_scale' },
    )
  }
}
