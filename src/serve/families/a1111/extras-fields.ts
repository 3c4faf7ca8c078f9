import { z } from 'zod'
import { wireBoolean, wireInteger, wireNumber, wireText } from '../../requests/wire-fields.ts'

const EXTRAS = {
  resize_mode: wireInteger(0, 1).describe('0 enlarges by a factor, 1 to a size'),
  upscaling_resize: wireNumber(0.01, 8).describe('The factor, default 2'),
  upscaling_resize_w: wireInteger(1, 16_384).describe('Width to enlarge to, default 512'),
  upscaling_resize_h: wireInteger(1, 16_384).describe('Height to enlarge to, default 512'),
  upscaling_crop: wireBoolean.describe('Fill the size and cut what is over; default true'),
  upscaler_1: wireText.describe('How, as /sdapi/v1/upscalers lists them; None leaves the picture as it is; default Lanczos'),
  upscaler_2: wireText.describe('A second way, laid over the first'),
  extras_upscaler_2_visibility: wireNumber(0, 1).describe('Share of the second way, default 0'),
  gfpgan_visibility: wireNumber(0, 1),
  codeformer_visibility: wireNumber(0, 1),
}

const NAMED_PICTURE = z.object({ data: z.unknown(), name: z.string() })

export const SINGLE_FIELDS = z.object({ ...EXTRAS, image: z.unknown().describe('The picture in base64') })

export const BATCH_FIELDS = z.object({
  ...EXTRAS,
  imageList: z.array(NAMED_PICTURE).max(64).describe('Pictures with their names'),
})

export type ExtrasFields = Omit<z.output<typeof SINGLE_FIELDS>, 'image'>

const COMMON_ANSWER = { html_info: z.string(), warnings: z.array(z.string()) }

export const SINGLE_ANSWER = z.object({ ...COMMON_ANSWER, image: z.string() })

export const BATCH_ANSWER = z.object({ ...COMMON_ANSWER, images: z.array(z.string()) })
