import type { RawPicture, Size } from '../contract/index.ts'
import { compositeOver } from './convert-channels.ts'
import { convertInBands } from './convert-in-bands.ts'
import { type DecodeLimits, decodePicture, readPictureHeader } from './decode-picture.ts'
import { encodePicture } from './encode-picture.ts'
import type { PictureFormat } from './sniff-format.ts'

/** What a backend takes. */
export interface SourceOptions extends DecodeLimits {
  /** Formats that need no conversion. Default PNG, JPEG and WebP. */
  accepted?: readonly PictureFormat[] | undefined
  /** `white` blends alpha over white, `keep` leaves it. Default `white`. */
  alpha?: 'keep' | 'white' | undefined
}

export interface PreparedSource {
  bytes: Uint8Array
  mime: string
  /** With the dot. */
  extension: string
  size: Size
  /** One sentence for each thing that was left out. */
  notes: string[]
}

const QUALITY_OF_CONVERTED_JPEG = 95
const USUAL_FORMATS: readonly PictureFormat[] = ['png', 'jpeg', 'webp']

/**
 * Makes a source picture fit for a backend: upright, sRGB, one frame, in a format that it takes. A file that is all that already
 * keeps its bytes; any other becomes PNG, or JPEG if it was one. What cannot be read is an `unreadable_image` error.
 */
export async function prepareSource(bytes: Uint8Array, options: SourceOptions = {}): Promise<PreparedSource> {
  const { accepted = USUAL_FORMATS, alpha = 'white' } = options
  const header = await readPictureHeader(bytes, options)
  const { format, width, height } = header
  const isAccepted = accepted.some((name) => name === format.format)
  const isPlain = !header.isTurned && header.frames === 1 && !header.hasForeignColors
  if (isAccepted && isPlain && (alpha === 'keep' || !header.hasAlpha)) {
    return { bytes, mime: format.mime, extension: format.extension, size: { width, height }, notes: [] }
  }
  const { picture, notes } = await decodePicture(bytes, options)
  const clean = alpha === 'keep' ? picture : await convertInBands(picture, 3, (band) => compositeOver(band, [255, 255, 255]))
  const isJpeg = format.format === 'jpeg' && isAccepted
  const converted = isJpeg
    ? await encodePicture(clean, { format: 'jpeg', quality: QUALITY_OF_CONVERTED_JPEG })
    : await encodePicture(clean, { format: 'png' })
  const kind = isJpeg ? { mime: 'image/jpeg', extension: '.jpg' } : { mime: 'image/png', extension: '.png' }
  return { bytes: converted, ...kind, size: sizeOf(clean), notes }
}

function sizeOf({ width, height }: RawPicture): Size {
  return { width, height }
}
