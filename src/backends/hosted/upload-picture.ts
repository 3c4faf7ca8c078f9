import type { EncodedPicture } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { decodePicture, readPictureHeader } from '../../images/decode-picture.ts'
import { maskToAlpha } from '../../images/edit-mask.ts'
import { encodePicture } from '../../images/encode-picture.ts'
import { type PictureFormat, sniffFormat } from '../../images/sniff-format.ts'

/** A picture as it goes to a provider: its true type and a name that fits. */
export interface Upload {
  bytes: Uint8Array
  mime: string
  fileName: string
}

/** Leaves a picture as it is when the provider takes its format, and makes a PNG of it when not. */
export async function prepareUpload(
  bytes: EncodedPicture,
  accepted: readonly PictureFormat[],
  baseName: string,
): Promise<Upload> {
  const sniffed = sniffFormat(bytes)
  if (sniffed && accepted.some((format) => format === sniffed.format)) {
    return { bytes, mime: sniffed.mime, fileName: baseName + sniffed.extension }
  }
  const { picture } = await decodePicture(bytes)
  return { bytes: await encodePicture(picture, { format: 'png' }), mime: 'image/png', fileName: `${baseName}.png` }
}

/** Turns a mask whose white is to be edited into the PNG that OpenAI wants, whose transparent pixels are. */
export async function prepareMask(mask: EncodedPicture, firstImage: EncodedPicture): Promise<Upload> {
  const { picture } = await decodePicture(mask)
  const { width, height } = await readPictureHeader(firstImage)
  if (picture.width !== width || picture.height !== height) {
    throw new DiffgentorError(
      'invalid_request',
      `The mask must have the size of the first picture, ${width}x${height}, got ${picture.width}x${picture.height}.`,
      { field: 'mask' },
    )
  }
  return { bytes: await maskToAlpha(picture), mime: 'image/png', fileName: 'mask.png' }
}
