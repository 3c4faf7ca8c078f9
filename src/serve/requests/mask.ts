import type { EncodedPicture, RawPicture, Size } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { decodePicture } from '../../images/decode-picture.ts'
import { encodePicture } from '../../images/encode-picture.ts'
import type { SourcePicture } from './picture-reference.ts'

/** What a mask says by its colors: OpenAI's masks are transparent where to repaint, others white. */
export type MaskMeaning = 'alpha-or-white' | 'white'

/** Turns a caller's mask into the contract's: white repaints. Throws when it has not the size of the first picture. */
export async function readMask(mask: SourcePicture, first: Size, meaning: MaskMeaning): Promise<EncodedPicture> {
  if (mask.size.width !== first.width || mask.size.height !== first.height) {
    throw new DiffgentorError(
      'invalid_request',
      `The mask must have the size of the first picture, ${first.width}x${first.height}, got ${mask.size.width}x${mask.size.height}.`,
      { field: 'mask' },
    )
  }
  if (meaning === 'white' || !mask.hasAlpha) return mask.bytes
  const { picture } = await decodePicture(mask.bytes)
  return await encodePicture(invertAlpha(picture), { format: 'png' })
}

/** Transparent becomes white. */
function invertAlpha({ pixels, width, height, channels }: RawPicture): RawPicture {
  const inverted = new Uint8Array(width * height)
  for (let place = 0; place < inverted.length; place++) inverted[place] = 255 - pixels[place * channels + 3]!
  return { kind: 'raw', pixels: inverted, width, height, channels: 1 }
}
