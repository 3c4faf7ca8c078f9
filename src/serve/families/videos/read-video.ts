import { randomInt } from 'node:crypto'
import type { Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { readPictureHeader } from '../../../images/decode-picture.ts'
import type { DrawOrder } from '../../drawing.ts'
import { isForm, readForm } from '../../http/form-body.ts'
import { readJsonFields } from '../../http/json-body.ts'
import type { ServerContext } from '../../http/server-env.ts'
import type { ServedModel } from '../../model-pool.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { type EditBody, readEditPictures } from '../openai/read-edit.ts'
import { readEdit, readGeneration } from '../openai/read-order.ts'
import { checkFrames, planFrames } from './plan-frames.ts'
import type { VideoPlan } from './video.ts'
import { VIDEO_FIELDS, type VideoFields } from './video-fields.ts'

const SEEDS = 2 ** 32

/** Size of models that do not say which they draw by themselves. */
const USUAL_SIZE: Size = { width: 720, height: 1280 }

/** Reads an order of a video, as multipart or as JSON. */
export async function readVideo(services: Services, c: ServerContext): Promise<VideoPlan> {
  if (!services.store)
    throw new DiffgentorError('unsupported', 'This server keeps no files (--no_image_store), so it makes no videos.')
  const body = await readBody(services, c)
  const fields = parseFields(VIDEO_FIELDS, body.fields)
  return await planVideo(services, fields, body.images, c)
}

/** Files of a form that a video may begin with. */
const PICTURE_FIELDS = ['input_reference', 'image']

async function readBody(services: Services, c: ServerContext): Promise<EditBody> {
  if (!isForm(c)) return { fields: await readJsonFields(c, services.limits.maxBody), images: [], mask: undefined }
  const { fields, files } = await readForm(c, services.limits)
  const images = files.filter(({ field }) => PICTURE_FIELDS.includes(field)).map(({ bytes }) => bytes)
  return { fields, images, mask: undefined }
}

async function planVideo(
  services: Services,
  fields: VideoFields,
  images: EditBody['images'],
  c: ServerContext,
): Promise<VideoPlan> {
  const model = chooseVideoModel(services, fields.model)
  const { video, sizes } = model.backend.capabilities
  const { frames, framesPerSecond, notes } = planFrames(video!, fields)
  const order = await readOrder(services, { ...fields, model: model.id }, images, c)
  const { request } = order
  const [start] = request.edit?.images ?? []
  const size = request.size ?? (start ? await readPictureHeader(start) : sizes?.default) ?? USUAL_SIZE
  checkFrames(size, frames)
  const seed = order.seed ?? randomInt(SEEDS)
  const diffusion = { ...request.diffusion, numFrames: frames }
  const unhonored = [...(order.warnings ?? []).map(({ detail }) => detail), ...listUnhonored(fields)]
  return {
    order: { ...order, request: { ...request, numImages: 1, diffusion }, seed, format: 'webp', warnings: undefined },
    size: { width: size.width, height: size.height },
    frames,
    framesPerSecond,
    notes: [...notes, ...unhonored],
  }
}

function listUnhonored({ guidance_scale_2: second }: VideoFields): string[] {
  return second === undefined ? [] : ['guidance_scale_2 is not honored: the model has one transformer.']
}

/** The model that was named, or the first one that makes videos. */
export function chooseVideoModel({ models }: Services, name: string | undefined): ServedModel {
  const first = models.find(name)
  const model = name === undefined ? (models.models.find(({ backend }) => backend.capabilities.video) ?? first) : first
  if (model.backend.capabilities.video) return model
  throw new DiffgentorError(
    'unsupported',
    'This server is not configured for video generation. Start it with a model that makes videos.',
    { field: 'model' },
  )
}

async function readOrder(
  services: Services,
  { input_reference: reference, reference_url: url, ...fields }: VideoFields,
  images: EditBody['images'],
  c: ServerContext,
): Promise<DrawOrder> {
  const isAdmin = c.get('isAdmin')
  const named = [reference, url].flatMap((value) => value ?? [])
  if (images.length + named.length === 0) return await readGeneration(services, fields, isAdmin)
  const model = services.models.find(fields.model)
  if (!model.backend.capabilities.edit) {
    throw new DiffgentorError('unsupported', `The model ${model.id} makes videos from text alone.`, { field: 'input_reference' })
  }
  const body: EditBody = { fields: {}, images, mask: undefined }
  const pictures = await readEditPictures(services, body, { images: named }, c.req.raw.signal)
  return await readEdit(services, fields, pictures, isAdmin)
}
