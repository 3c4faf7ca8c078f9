import type { RawPicture, Size } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { toGray } from './convert-channels.ts'
import { convertInBands } from './convert-in-bands.ts'
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
  if (meaning === 'white') return await encodeGray(picture)
  const fromAlpha = await maskFromAlpha(picture)
  if (meaning === 'transparent' && picture.channels !== 4) {
    throw new DiffgentorError(
      'invalid_request',
      'The mask must have an alpha channel whose transparent pixels are to be edited.',
      {
        field: 'mask',
      },
    )
  }
  return await encodeGray(fromAlpha ?? picture)
}

async function encodeGray(picture: RawPicture): Promise<Uint8Array> {
  return await encodePicture(await convertInBands(picture, 1, toGray), { format: 'png' })
}

/** The mask that a picture's own transparency makes: gray, white where transparent. Undefined when nothing is transparent. */
export async function maskFromAlpha(picture: RawPicture): Promise<RawPicture | undefined> {
  if (picture.channels !== 4) return undefined
  let isUsed = false
  const mask = await convertInBands(picture, 1, (band) => {
    const pixels = new Uint8Array(band.pixels.length / 4)
    for (let to = 0; to < pixels.length; to++) {
      pixels[to] = 255 - band.pixels[to * 4 + 3]!
      if (pixels[to] !== 0) isUsed = true
    }
    return { ...band, channels: 1, pixels }
  })
  return isUsed ? mask : undefined
}

/** Our mask in the convention of the OpenAI images API: a PNG whose transparent pixels are repainted. */
export async function maskToAlpha(mask: RawPicture): Promise<Uint8Array> {
  const transparent = await convertInBands(mask, 4, (band) => {
    const gray = toGray(band).pixels
    const pixels = new Uint8Array(gray.length * 4)
    for (let from = 0, to = 3; from < gray.length; from++, to += 4) pixels[to] = 255 - gray[from]!
    return { ...band, channels: 4, pixels }
  })
  return await encodePicture(transparent, { format: 'png' })
}
