import type { EditSource, RawPicture, Size, SizeRule } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { cropPicture, extendPicture } from './crop-picture.ts'
import { decodePicture, readPictureHeader } from './decode-picture.ts'
import { encodePicture } from './encode-picture.ts'

/** An edit brought to a size that the model draws. */
export interface PaddedEdit {
  edit: EditSource
  /** The size to draw at. */
  size: Size
  /** Brings a drawn picture back to the source's size. */
  finish(picture: RawPicture): RawPicture
}

/**
 * An edit without an explicit size keeps its source's size: the first picture and the mask are extended to the right and below,
 * by repeating their edges, to the next size that the model draws, and the result is cut back.
 */
export async function padEdit(edit: EditSource, rule: SizeRule): Promise<PaddedEdit> {
  const [first, ...others] = edit.images
  if (!first) throw new DiffgentorError('invalid_request', 'An edit needs at least one source image, got none.')
  const { width, height } = await readPictureHeader(first)
  const size = { width: roundUp(width, rule), height: roundUp(height, rule) }
  checkSize(size, { width, height }, rule)
  if (size.width === width && size.height === height) return { edit, size, finish: (picture) => picture }
  const padded = { ...edit, images: [await pad(first, size), ...others], mask: edit.mask && (await pad(edit.mask, size)) }
  const finish = (picture: RawPicture) => {
    // An upscaler may have enlarged the result.
    const scale = picture.width / size.width
    return cropPicture(picture, { left: 0, top: 0, width: width * scale, height: height * scale })
  }
  return { edit: padded, size, finish }
}

function roundUp(length: number, { multiple, min }: SizeRule): number {
  return Math.max(Math.ceil(length / multiple), Math.ceil(min / multiple)) * multiple
}

function checkSize(size: Size, source: Size, rule: SizeRule): void {
  const isPossible = !rule.only || rule.only.includes(`${size.width}x${size.height}`)
  if (isPossible && Math.max(size.width, size.height) <= rule.max) return
  const possible = rule.only ? rule.only.join(', ') : `sides up to ${rule.max} pixels`
  throw new DiffgentorError(
    'invalid_request',
    `The source is ${source.width}x${source.height} and the model draws ${possible}; give --width and --height.`,
    { field: 'size' },
  )
}

async function pad(bytes: Uint8Array, size: Size): Promise<Uint8Array> {
  const { picture } = await decodePicture(bytes)
  return await encodePicture(extendPicture(picture, size), { format: 'png' })
}
