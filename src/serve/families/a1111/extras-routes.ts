import { z } from 'zod'
import type { RawPicture, Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { cropPicture } from '../../../images/crop-picture.ts'
import { decodePicture } from '../../../images/decode-picture.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { enlargePicture } from '../../../images/enlarge-picture.ts'
import { Base64Bytes, jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import type { RouteBook } from '../../http/route-book.ts'
import { parseFields, wireBoolean, wireInteger, wireNumber, wireText } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { A1111_ERRORS } from './errors.ts'
import { readSent } from './read-sent.ts'
import { findUpscaler } from './upscalers.ts'

const EXTRAS = {
  resize_mode: wireInteger(0, 1).describe('0 enlarges by a factor, 1 to a size'),
  upscaling_resize: wireNumber(0.01, 8).describe('The factor, default 2'),
  upscaling_resize_w: wireInteger(1, 16_384).describe('Width to enlarge to, default 512'),
  upscaling_resize_h: wireInteger(1, 16_384).describe('Height to enlarge to, default 512'),
  upscaling_crop: wireBoolean.describe('Fill the size and cut what is over; default true'),
  upscaler_1: wireText.describe('How, as /sdapi/v1/upscalers lists them; None leaves the picture as it is'),
}

const SINGLE_FIELDS = z.object({ ...EXTRAS, image: z.unknown().describe('The picture in base64') })
const NAMED_PICTURE = z.object({ data: z.unknown(), name: z.string() })
const BATCH_FIELDS = z.object({ ...EXTRAS, imageList: z.array(NAMED_PICTURE).max(64).describe('Pictures with their names') })

type ExtrasFields = Omit<z.output<typeof SINGLE_FIELDS>, 'image'>

/** Width × height of a result at most. */
const MAX_PIXELS = 100_000_000

export function registerExtras(book: RouteBook, services: Services): void {
  const common = { method: 'post', tag: 'AUTOMATIC1111', ...A1111_ERRORS } as const
  const enlarge = async (picture: unknown, fields: ExtrasFields, signal: AbortSignal) =>
    new Base64Bytes(await enlargeBytes(await readSent(services, picture, signal, 'image'), fields))
  book.add(
    {
      ...common,
      path: '/sdapi/v1/extra-single-image',
      summary: 'Enlarge a picture',
      json: SINGLE_FIELDS,
      example: { image: 'data:image/png;base64,…', upscaling_resize: 2, upscaler_1: 'Lanczos' },
      answers: [{ status: 200, description: 'The picture', schema: z.object({ html_info: z.string(), image: z.string() }) }],
    },
    async (c) => {
      const fields = parseFields(SINGLE_FIELDS, await readJsonFields(c, services.limits.maxBody))
      return jsonAnswer({ html_info: '', image: await enlarge(fields.image, fields, c.req.raw.signal) })
    },
  )
  book.add(
    {
      ...common,
      path: '/sdapi/v1/extra-batch-images',
      summary: 'Enlarge several pictures',
      json: BATCH_FIELDS,
      example: { imageList: [{ data: 'data:image/png;base64,…', name: 'apple.png' }], upscaling_resize: 2 },
      answers: [
        { status: 200, description: 'The pictures', schema: z.object({ html_info: z.string(), images: z.array(z.string()) }) },
      ],
    },
    async (c) => {
      const fields = parseFields(BATCH_FIELDS, await readJsonFields(c, services.limits.maxBody))
      const images: Base64Bytes[] = []
      for (const { data } of fields.imageList) images.push(await enlarge(data, fields, c.req.raw.signal))
      return jsonAnswer({ html_info: '', images })
    },
  )
}

async function enlargeBytes(bytes: Uint8Array, fields: ExtrasFields): Promise<Uint8Array> {
  const { picture } = await decodePicture(bytes)
  const isLeft = fields.upscaler_1?.toLowerCase() === 'none'
  return await encodePicture(isLeft ? picture : await enlargeAs(picture, fields), { format: 'png' })
}

async function enlargeAs(picture: RawPicture, fields: ExtrasFields): Promise<RawPicture> {
  const { filter } = findUpscaler(fields.upscaler_1)
  const wanted: Size = { width: fields.upscaling_resize_w ?? 512, height: fields.upscaling_resize_h ?? 512 }
  const ratios = [wanted.width / picture.width, wanted.height / picture.height]
  const fills = fields.upscaling_crop ?? true
  const factor = fields.resize_mode === 1 ? (fills ? Math.max(...ratios) : Math.min(...ratios)) : (fields.upscaling_resize ?? 2)
  const size = { width: scaleSide(picture.width, factor), height: scaleSide(picture.height, factor) }
  if (size.width * size.height > MAX_PIXELS) {
    throw new DiffgentorError(
      'invalid_request',
      `The result may have at most ${MAX_PIXELS} pixels, got ${size.width}x${size.height}.`,
      {
        field: 'upscaling_resize',
      },
    )
  }
  const enlarged = await enlargePicture(picture, size, filter)
  if (fields.resize_mode !== 1 || !fills) return enlarged
  const left = Math.floor((size.width - wanted.width) / 2)
  const top = Math.floor((size.height - wanted.height) / 2)
  return cropPicture(enlarged, { left, top, ...wanted })
}

function scaleSide(side: number, factor: number): number {
  return Math.max(1, Math.round(side * factor))
}
