import { DiffgentorError } from '../../../errors.ts'
import type { MaskMeaning } from '../../../images/edit-mask.ts'
import { type FormBody, isForm, readForm } from '../../http/form-body.ts'
import { type RawFields, readJsonFields } from '../../http/json-body.ts'
import type { ServerContext } from '../../http/server-env.ts'
import type { SentPictures } from '../../requests/edit-source.ts'
import { readPicture } from '../../requests/picture-reference.ts'
import type { Services } from '../../services.ts'
import type { EditFields, WireReference } from './image-fields.ts'

/** A picture's bytes, or where to get it. */
type PictureSource = Uint8Array | WireReference

/** The body of an edit, whichever of the two forms it has. */
export interface EditBody {
  fields: RawFields
  images: PictureSource[]
  mask: { source: PictureSource; meaning: MaskMeaning } | undefined
}

const IMAGE_FIELDS = ['image', 'images', 'url']
const MAX_IMAGES = 16

/** Reads an edit as multipart or as JSON. */
export async function readEditBody(services: Services, c: ServerContext): Promise<EditBody> {
  if (!isForm(c)) return { fields: await readJsonFields(c, services.limits.maxBody), images: [], mask: undefined }
  return sortForm(await readForm(c, services.limits))
}

/** Picks the pictures out of a form. Those for an IP-Adapter go among the fields, as in JSON. */
export function sortForm({ fields: texts, files }: FormBody): EditBody {
  const shown = files.filter((file) => file.field === 'ip_adapter_image').map((file) => file.bytes)
  const fields = shown.length > 0 ? { ...texts, ip_adapter_image: shown } : texts
  const images = files.filter((file) => IMAGE_FIELDS.includes(file.field)).map((file) => file.bytes)
  const mask = files.find((file) => file.field === 'mask')
  const maskImage = files.find((file) => file.field === 'mask_image')
  if (mask) return { fields, images, mask: { source: mask.bytes, meaning: 'auto' } }
  return { fields, images, mask: maskImage && { source: maskImage.bytes, meaning: 'white' } }
}

/** Fetches and checks the pictures that a body holds and its fields name. */
export async function readEditPictures(
  services: Services,
  body: EditBody,
  fields: Pick<EditFields, 'image' | 'images' | 'url' | 'mask' | 'mask_image'>,
  signal: AbortSignal,
): Promise<SentPictures> {
  const named = [fields.images, fields.image, fields.url].flatMap((value) => (value === undefined ? [] : value))
  const sources = [...body.images, ...named]
  if (sources.length === 0) throw new DiffgentorError('invalid_field', 'At least one image is required', { field: 'image' })
  if (sources.length > MAX_IMAGES) {
    throw new DiffgentorError('invalid_request', `An edit takes at most ${MAX_IMAGES} images, got ${sources.length}.`, {
      field: 'image',
    })
  }
  const images = await Promise.all(sources.map((source) => readPicture(services, unwrap(source, 'image'), signal, 'image')))
  const mask = body.mask ?? nameMask(fields)
  if (!mask) return { images }
  const bytes = await readPicture(services, unwrap(mask.source, 'mask'), signal, 'mask')
  return { images, mask: { bytes, meaning: mask.meaning } }
}

function nameMask(fields: Pick<EditFields, 'mask' | 'mask_image'>): EditBody['mask'] {
  const [mask] = [fields.mask ?? []].flat()
  if (mask !== undefined) return { source: mask, meaning: 'auto' }
  const [maskImage] = [fields.mask_image ?? []].flat()
  return maskImage === undefined ? undefined : { source: maskImage, meaning: 'white' }
}

/** `{image_url}` or `{image_url: {url}}` → the address. */
function unwrap(source: PictureSource, field: string): unknown {
  if (typeof source === 'string' || source instanceof Uint8Array) return source
  if (source.file_id !== undefined && source.image_url === undefined) {
    throw new DiffgentorError('invalid_request', 'file_id references are not supported by this server. Use image_url instead.', {
      field,
    })
  }
  const address = source.image_url ?? source.url
  return typeof address === 'object' && address !== null && 'url' in address ? address.url : address
}
