import type { RawPicture, Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { blendPictures } from '../../../images/blend-pictures.ts'
import { toRgb } from '../../../images/convert-channels.ts'
import { convertInBands } from '../../../images/convert-in-bands.ts'
import { decodePicture } from '../../../images/decode-picture.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { enlargeToFill, enlargeToSize, scaleSize } from '../../requests/enlarge-to-size.ts'
import { findUpscaler, LANCZOS, readUpscalers, type Upscaler } from '../../requests/upscalers.ts'
import type { Services } from '../../services.ts'
import type { ExtrasFields } from './extras-fields.ts'

/** Width × height of a result at most. */
const MAX_PIXELS = 100_000_000

const DEFAULT_FACTOR = 2
const DEFAULT_SIDE = 512

/** What is done to each picture of a request. */
export interface ExtrasWish {
  fields: ExtrasFields
  /** Undefined leaves pictures as they are. */
  first: Upscaler | undefined
  /** Laid over the first one by its share. */
  second: { upscaler: Upscaler; share: number } | undefined
}

/** Finds the upscalers of a request. Throws for names that are not known, as the origin does. */
export async function readExtras(services: Services, fields: ExtrasFields): Promise<ExtrasWish> {
  const share = fields.extras_upscaler_2_visibility ?? 0
  const second = share > 0 ? await readUpscaler(services, fields.upscaler_2 ?? 'None', 'upscaler_2') : undefined
  return {
    fields,
    first: await readUpscaler(services, fields.upscaler_1 ?? LANCZOS.name, 'upscaler_1'),
    second: second && { upscaler: second, share },
  }
}

async function readUpscaler(services: Services, name: string, field: string): Promise<Upscaler | undefined> {
  if (name.toLowerCase() === 'none') return undefined
  const found = await findUpscaler(services, name)
  if (found) return found
  const names = ['None', ...(await readUpscalers(services)).map((known) => known.name)]
  throw new DiffgentorError('invalid_request', `Invalid upscaler, needs to be one of these: ${names.join(' , ')}`, { field })
}

/** Enlarges a picture's file; the result is a PNG file. */
export async function enlargeFile(
  services: Services,
  bytes: Uint8Array,
  { fields, first, second }: ExtrasWish,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { picture } = await decodePicture(bytes)
  if (!first) return await encodePicture(picture, { format: 'png' })
  const enlarge = async (upscaler: Upscaler) => await enlargeAs(services, upscaler, picture, fields, signal)
  const enlarged = await enlarge(first)
  return await encodePicture(second ? await layOver(enlarged, await enlarge(second.upscaler), second.share) : enlarged, {
    format: 'png',
  })
}

async function enlargeAs(
  services: Services,
  upscaler: Upscaler,
  picture: RawPicture,
  fields: ExtrasFields,
  signal: AbortSignal,
): Promise<RawPicture> {
  if (fields.resize_mode !== 1) {
    const size = checkSize(scaleSize(picture, fields.upscaling_resize ?? DEFAULT_FACTOR))
    return await enlargeToSize(services, upscaler, picture, size, signal)
  }
  const { upscaling_resize_w: width = DEFAULT_SIDE, upscaling_resize_h: height = DEFAULT_SIDE } = fields
  const ratios = [width / picture.width, height / picture.height]
  checkSize(scaleSize(picture, Math.max(...ratios)))
  if (fields.upscaling_crop ?? true) return await enlargeToFill(services, upscaler, picture, { width, height }, signal)
  return await enlargeToSize(services, upscaler, picture, scaleSize(picture, Math.min(...ratios)), signal)
}

function checkSize(size: Size): Size {
  if (size.width * size.height <= MAX_PIXELS) return size
  throw new DiffgentorError(
    'invalid_request',
    `The result may have at most ${MAX_PIXELS} pixels, got ${size.width}x${size.height}.`,
    { field: 'upscaling_resize' },
  )
}

async function layOver(base: RawPicture, over: RawPicture, share: number): Promise<RawPicture> {
  const { width, height } = base
  const pixels = new Uint8Array(width * height).fill(Math.round(share * 255))
  const mask: RawPicture = { kind: 'raw', channels: 1, width, height, pixels }
  return await blendPictures(await convertInBands(base, 3, toRgb), await convertInBands(over, 3, toRgb), mask)
}
