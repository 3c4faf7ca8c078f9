import type { RawPicture, Size } from '../contract/index.ts'
import { type ResizeFilter, resizePicture } from './resize-picture.ts'

/** A width that shrinks by one pixel outweighs a height that shrinks by two. */
const WIDTH_WEIGHT = 2

/** Resizes as Pillow 13 does, which goes vertically first where that spares more work; Pillow 12 never does. Not for pictures with alpha. */
export function resizeInOrder(picture: RawPicture, size: Size, filter: ResizeFilter): RawPicture {
  const spared = picture.height - size.height
  const isFlattened = spared > 0 && spared > WIDTH_WEIGHT * (picture.width - size.width)
  const first = isFlattened ? resizePicture(picture, { width: picture.width, height: size.height }, filter) : picture
  return resizePicture(first, size, filter)
}
