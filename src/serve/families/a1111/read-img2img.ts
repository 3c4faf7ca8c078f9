import type { Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { compositeOver } from '../../../images/convert-channels.ts'
import { convertInBands } from '../../../images/convert-in-bands.ts'
import { decodePicture, readPictureHeader } from '../../../images/decode-picture.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { type FitMode, fitInTurns } from '../../../images/fit-picture.ts'
import type { DrawOrder } from '../../drawing.ts'
import type { ServedModel } from '../../model-pool.ts'
import { checkMode, settleRequest } from '../../requests/check-order.ts'
import { prepareEdit } from '../../requests/edit-source.ts'
import type { Img2imgFields } from './draw-fields.ts'
import { type InpaintWish, prepareInpaint } from './inpaint.ts'
import { type DrawPlan, type DrawReader, makePlan, readBase, readSides } from './read-draw.ts'
import { readSent } from './read-sent.ts'

const FITS: readonly FitMode[] = ['default', 'crop', 'fill', 'default']
const DEFAULT_STRENGTH = 0.75
const DEFAULT_BLUR = 4

/** `inpainting_fill`: blurred surroundings, the source itself, noise in latent space, nothing there. */
const SURROUNDINGS = 0
const SOURCE = 1
const LATENT_FILLS = { 2: 'noise', 3: 'nothing' } as const

/** Turns the fields of img2img into orders: one picture for each source, or `batch_size` of a single one. */
export async function readImg2img(reader: DrawReader, fields: Img2imgFields): Promise<DrawPlan> {
  const { services, signal } = reader
  if (!fields.init_images?.length) throw new DiffgentorError('not_found', 'Init image not found', { field: 'init_images' })
  checkMode(services, 'edit')
  const base = await readBase(reader, fields, fields.init_images[0])
  const images = await Promise.all(fields.init_images.map((image) => readSent(services, image, signal, 'init_images')))
  const mask = fields.mask === undefined ? undefined : await readSent(services, fields.mask, signal, 'mask')
  const asked = readSides(fields, base.model)
  const orders = await Promise.all(
    images.map(async (image): Promise<DrawOrder> => {
      const prepared = await prepareSource(base.model, fields, image, mask, asked)
      const request = {
        ...base.request,
        numImages: images.length === 1 ? (fields.batch_size ?? 1) : 1,
        size: prepared.size,
        edit: { ...prepared.edit, strength: fields.denoising_strength ?? DEFAULT_STRENGTH },
        diffusion: { ...base.request.diffusion, maskFill: mask && readLatentFill(fields) },
      }
      const settled = settleRequest(services.settings, base.model, request)
      const { facts: sources, finish } = prepared
      return { model: base.model, request: settled, sources, finish, seed: base.seed, format: 'png' }
    }),
  )
  const turns = Array.from({ length: fields.n_iter ?? 1 }, () => orders).flat()
  return makePlan(fields, base.model, turns, base.warnings)
}

async function prepareSource(
  model: ServedModel,
  fields: Img2imgFields,
  image: Uint8Array,
  mask: Uint8Array | undefined,
  asked: Size | undefined,
) {
  const fit = FITS[fields.resize_mode ?? 0] ?? 'default'
  if (mask === undefined) {
    const fitted = asked && fit !== 'default' ? await fitBytes(image, asked, fit) : image
    return { ...(await prepareEdit(model, { images: [fitted] }, asked)), finish: undefined }
  }
  const size = asked ?? (await chooseInpaintSize(model, image))
  const inpaint = await prepareInpaint(image, mask, size, readInpaintWish(fields, fit))
  const sent = { images: [inpaint.image], mask: { bytes: inpaint.mask, meaning: 'white' as const } }
  const prepared = await prepareEdit(model, sent, size)
  return { ...prepared, finish: inpaint.finish }
}

function readInpaintWish(fields: Img2imgFields, fit: FitMode): InpaintWish {
  return {
    blur: fields.mask_blur ?? DEFAULT_BLUR,
    isInverted: fields.inpainting_mask_invert === 1,
    // The fills of latent space stand over the surroundings, as at the origin.
    fills: (fields.inpainting_fill ?? SURROUNDINGS) !== SOURCE,
    padding: fields.inpaint_full_res === false ? undefined : (fields.inpaint_full_res_padding ?? 0),
    fit,
  }
}

function readLatentFill({ inpainting_fill: fill = SURROUNDINGS }: Img2imgFields): 'noise' | 'nothing' | undefined {
  return fill === 2 || fill === 3 ? LATENT_FILLS[fill] : undefined
}

/** The model's usual size, or the source's own for models that draw any. */
async function chooseInpaintSize(model: ServedModel, image: Uint8Array): Promise<Size> {
  const { width, height } = await readPictureHeader(image)
  return model.backend.capabilities.sizes?.default ?? { width, height }
}

async function fitBytes(bytes: Uint8Array, size: Size, fit: FitMode): Promise<Uint8Array> {
  const { picture } = await decodePicture(bytes)
  const opaque = await convertInBands(picture, 3, (band) => compositeOver(band, [255, 255, 255]))
  return await encodePicture(await fitInTurns(opaque, size, 'lanczos', fit), { format: 'png' })
}
