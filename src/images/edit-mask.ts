import type { RawPicture, Size } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { toGray } from './convert-channels.ts'
import { type DecodeLimits, decodePicture } from './decode-picture.ts'
import { encodePicture } from './encode-picture.ts'

/** Where a mask says "repaint": its white pixels, or its transparent ones. `auto`: transparent ones if it has any. */
export type MaskMeaning = 'auto' | 'white' | 'transparent'

/**
 * Reads a mask in either convention and gives it in ours: a gray PNG, white repaints. It must be as large as the picture that it
 * belongs to (`invalid_request`); what cannot be read is an `unreadable_image` error.
 */
export async function prepareMask(
  bytes: Uint8Array,
  size: Size,
  meaning: MaskMeaning = 'auto',
  limits: DecodeLimits = {},
): Promise<Uint8Array> {
  const { picture } = await decodePicture(bytes, limits)
  if (picture.width !== size.width || picture.height !== size.height) {
    throw new DiffgentorError(
      'invalid_request',
      `The mask must have the size of the picture, ${size.width}x${size.height}, got ${picture.width}x${picture.height}.`,
      { field: 'mask' },
    )
  }
  if (meaning === 'white') return await encodePicture(toGray(picture), { format: 'png' })
  const fromAlpha = maskFromAlpha(picture)
  if (meaning === 'transparent' && picture.channels !== 4) {
    throw new DiffgentorError(
      'invalid_request',
      'The mask must have an alpha channel whose transparent pixels are to be edited.',
      {
        field: 'mask',
      },
    )
  }
  return await encodePicture(fromAlpha ?? toGray(picture), { format: 'png' })
}

/** The mask that a picture's own transparency makes: gray, white where transparent. Undefined when nothing is transparent. */
export function maskFromAlpha(picture: RawPicture): RawPicture | undefined {
  const { pixels, channels } = picture
  if (channels !== 4) return undefined
  const mask = new Uint8Array(pixels.length / 4)
  let isUsed = false
  for (let to = 0; to < mask.length; to++) {
    mask[to] = 255 - pixels[to * 4 + 3]!
    if (mask[to] !== 0) isUsed = true
  }
  return isUsed ? { ...picture, channels: 1, pixels: mask } : undefined
}

/** Our mask in the convention of the OpenAI images API: a PNG whose transparent pixels are repainted. */
export async function maskToAlpha(bytes: Uint8Array): Promise<Uint8Array> {
  const gray = toGray((await decodePicture(bytes)).picture)
  const pixels = new Uint8Array(gray.pixels.length * 4)
  for (let from = 0, to = 3; from < gray.pixels.length; from++, to += 4) pixels[to] = 255 - gray.pixels[from]!
  return await encodePicture({ ...gray, channels: 4, pixels }, { format: 'png' })
}
