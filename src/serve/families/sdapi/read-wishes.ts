import type { ControlNetChoice, DiffusionOptions, LoraChoice, RawPicture } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { enlargeToSize, scaleSize } from '../../requests/enlarge-to-size.ts'
import { findNamedModel } from '../../requests/model-choice.ts'
import { findUpscaler, LANCZOS } from '../../requests/upscalers.ts'
import type { Services } from '../../services.ts'
import type { DrawQuery } from './draw-query.ts'
import type { SentImages } from './sent-image.ts'

/** Pictures and files that a drawing is made of beside its query. */
export type DrawParts = Partial<SentImages> & { loras?: readonly LoraChoice[] }

/** What only local diffusion understands; undefined where nothing of it is asked for. */
export async function readWishes(services: Services, query: DrawQuery, parts: DrawParts): Promise<DiffusionOptions | undefined> {
  const { loras = [], ipAdapterImages: images = [] } = parts
  const controlnets = query.controlnet === undefined ? [] : [await readControl(services, query.controlnet, query, parts)]
  if (loras.length + images.length + controlnets.length === 0) return undefined
  return {
    loras: loras.length > 0 ? loras : undefined,
    ipAdapter: images.length > 0 ? { images, scale: query.ip_adapter_scale } : undefined,
    controlnets: controlnets.length > 0 ? controlnets : undefined,
  }
}

async function readControl(
  services: Services,
  name: string,
  { controlnet_scale: scale = 1 }: DrawQuery,
  { image, controlImage = image }: DrawParts,
): Promise<ControlNetChoice> {
  if (controlImage)
    return { path: await findNamedModel(services, name, 'controlnet'), image: controlImage, scale, start: 0, end: 1 }
  throw new DiffgentorError('invalid_request', 'A ControlNet needs a picture to look at: send one as control_image.', {
    field: 'control_image',
  })
}

/** What enlarges finished pictures; undefined where they stay as they are. */
export async function readEnlargement(
  services: Services,
  { upscaling_scale: scale = 1, upscaler: name = LANCZOS.name }: DrawQuery,
  signal: AbortSignal,
): Promise<((picture: RawPicture) => Promise<RawPicture>) | undefined> {
  const upscaler = await findUpscaler(services, name)
  if (!upscaler) throw new DiffgentorError('invalid_request', `There is no upscaler "${name}" here.`, { field: 'upscaler' })
  if (scale === 1) return undefined
  return async (picture) => await enlargeToSize(services, upscaler, picture, scaleSize(picture, scale), signal)
}
