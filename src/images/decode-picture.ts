import sharp, { type Metadata, type Sharp } from 'sharp'
import type { RawPicture } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { isSrgbProfile } from './icc-profile.ts'
import { type SniffedFormat, sniffFormat } from './sniff-format.ts'

// Every picture is seen once, so a cache of decoded ones would only hold memory.
sharp.cache(false)

/** How large an input picture may be. */
export interface DecodeLimits {
  /** Width × height. Default 100 million. */
  maxPixels?: number | undefined
  /** Size of the file in bytes. Default 100 million. */
  maxBytes?: number | undefined
}

export interface DecodedPicture {
  /** Upright sRGB with 8 bits; 4 channels if the file has alpha, else 3. */
  picture: RawPicture
  format: SniffedFormat
  /** One sentence for each thing that was left out, such as further frames. */
  notes: string[]
}

/** What a file says about its picture before any pixel is decoded. */
export interface PictureHeader {
  format: SniffedFormat
  /** Pixels after turning the picture upright. */
  width: number
  height: number
  hasAlpha: boolean
  /** EXIF orientation 2–8: the stored pixels are turned or mirrored. */
  isTurned: boolean
  /** Frames or pages. */
  frames: number
  /** Carries a color profile that is not sRGB's. */
  hasForeignColors: boolean
}

const DEFAULT_LIMIT = 100_000_000

/**
 * Decodes PNG, JPEG, WebP, AVIF, GIF or TIFF: EXIF orientation is applied, color profiles and 16-bit, gray and CMYK pixels become
 * 8-bit sRGB, of several frames the first counts. Anything else, anything broken and anything over the limits is an
 * `unreadable_image` error; the limits are checked before pixels are decoded.
 */
export async function decodePicture(bytes: Uint8Array, limits: DecodeLimits = {}): Promise<DecodedPicture> {
  const { image, header } = await openPicture(bytes, limits)
  const { data, info } = await image
    .autoOrient()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw broken(header.format.format, cause)
    })
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length)
  const picture: RawPicture = { kind: 'raw', pixels, width: info.width, height: info.height, channels: info.channels as 3 | 4 }
  const notes = header.frames > 1 ? [`Only the first of ${header.frames} frames is used.`] : []
  return { picture, format: header.format, notes }
}

/** Reads a file's header under the same limits and with the same errors as `decodePicture`. */
export async function readPictureHeader(bytes: Uint8Array, limits: DecodeLimits = {}): Promise<PictureHeader> {
  return (await openPicture(bytes, limits)).header
}

async function openPicture(bytes: Uint8Array, limits: DecodeLimits): Promise<{ image: Sharp; header: PictureHeader }> {
  const { maxPixels = DEFAULT_LIMIT, maxBytes = DEFAULT_LIMIT } = limits
  if (bytes.length > maxBytes) {
    throw unreadable(`The picture has ${bytes.length} bytes, more than the ${maxBytes} allowed; make it smaller.`)
  }
  const format = requireReadable(bytes)
  // `failOn` lets harmless warnings pass, as other readers do, but nothing that costs pixels.
  const options = { failOn: 'error', limitInputPixels: maxPixels } as const
  const metadata = await sharp(bytes, { ...options, limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw broken(format.format, cause)
    })
  if (metadata.width * metadata.height > maxPixels) {
    throw unreadable(
      `The picture has ${metadata.width}x${metadata.height} pixels, more than the ${maxPixels} allowed; make it smaller.`,
    )
  }
  const header = describeHeader(format, metadata)
  return { image: sharp(bytes, { ...options, ignoreIcc: !header.hasForeignColors }), header }
}

function describeHeader(format: SniffedFormat, metadata: Metadata): PictureHeader {
  return {
    format,
    width: metadata.autoOrient.width,
    height: metadata.autoOrient.height,
    hasAlpha: metadata.hasAlpha,
    isTurned: (metadata.orientation ?? 1) > 1,
    frames: metadata.pages ?? 1,
    hasForeignColors: metadata.icc !== undefined && !isSrgbProfile(metadata.icc),
  }
}

function requireReadable(bytes: Uint8Array): SniffedFormat {
  if (bytes.length === 0) throw unreadable('The picture is empty: it has 0 bytes.')
  const format = sniffFormat(bytes)
  if (!format) throw unreadable('The file is no picture that can be read; give PNG, JPEG, WebP, AVIF, GIF or TIFF.')
  if (format.format === 'heic' || format.format === 'svg') {
    throw unreadable(`${format.format.toUpperCase()} pictures cannot be read; convert it to PNG or JPEG first.`)
  }
  return format
}

function broken(format: string, cause: unknown): DiffgentorError {
  const reason = String(cause instanceof Error ? cause.message : cause).split('\n', 1)[0]
  return unreadable(`The ${format.toUpperCase()} picture is broken or cut off and cannot be decoded (${reason}).`, cause)
}

function unreadable(message: string, cause?: unknown): DiffgentorError {
  return new DiffgentorError('unreadable_image', message, cause === undefined ? {} : { cause })
}
