import type { ImageRequest, ImageWarning, Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { decodePicture } from '../../../images/decode-picture.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { type DrawContext, type Drawing, type DrawOrder, type StartedDrawing, startDrawing } from '../../drawing.ts'
import type { ServedModel } from '../../model-pool.ts'
import { prepareEdit } from '../../requests/edit-source.ts'
import { enlargeToFill, scaleSize } from '../../requests/enlarge-to-size.ts'
import { checkSize } from '../../requests/size-text.ts'
import { findUpscaler, LANCZOS, type Upscaler } from '../../requests/upscalers.ts'
import type { Services } from '../../services.ts'
import type { Txt2imgFields } from './draw-fields.ts'
import { takeLoraTags } from './lora-tags.ts'
import { type ChosenScheduler, readScheduler } from './read-scheduler.ts'

/** A second pass: the picture enlarged and drawn over. */
export interface HiresWish {
  size: Size
  upscaler: Upscaler
  strength: number
  /** What the second pass asks for beside what the first one did. */
  changes: Partial<ImageRequest>
  warnings: ImageWarning[]
}

const DEFAULT_STRENGTH = 0.75
const DEFAULT_SCALE = 2

/** Reads `enable_hr` and what belongs to it. Throws when the model cannot edit or draw so large. */
export async function readHires(
  services: Services,
  fields: Txt2imgFields,
  { model, request }: DrawOrder,
): Promise<HiresWish | undefined> {
  if (!fields.enable_hr) return undefined
  const { capabilities } = model.backend
  if (!capabilities.edit) {
    throw new DiffgentorError('unsupported', `The model ${model.id} cannot edit pictures, so enable_hr has no second pass.`, {
      field: 'enable_hr',
    })
  }
  const first = request.size ?? capabilities.sizes?.default ?? { width: 512, height: 512 }
  const size = enlargedSize(first, fields)
  checkSize(size, capabilities.sizes, model.id)
  const { hr_upscaler: name } = fields
  const known = name === undefined ? LANCZOS : await findUpscaler(services, name)
  const { scheduler, warnings } = await readSecondScheduler(model, fields)
  const changes = { ...readChanges(fields), ...(scheduler && { diffusion: { ...request.diffusion, scheduler } }) }
  return {
    size,
    upscaler: known ?? LANCZOS,
    strength: fields.denoising_strength ?? DEFAULT_STRENGTH,
    changes,
    warnings: known ? warnings : [replacedUpscaler(name!), ...warnings],
  }
}

/** Undefined: as in the first pass. */
async function readSecondScheduler(model: ServedModel, fields: Txt2imgFields): Promise<ChosenScheduler> {
  const given = (name: string | undefined) => (name && !/^use same/i.test(name) ? name : undefined)
  const [sampler, layout] = [given(fields.hr_sampler_name), given(fields.hr_scheduler)]
  if (sampler === undefined && layout === undefined) return { scheduler: undefined, warnings: [] }
  const sampler_name = sampler ?? fields.sampler_name ?? fields.sampler_index
  return await readScheduler(model, { sampler_name, scheduler: layout ?? fields.scheduler })
}

function replacedUpscaler(name: string): ImageWarning {
  return { kind: 'adjusted', field: 'hr_upscaler', detail: `There is no upscaler "${name}" here; Lanczos enlarged the picture.` }
}

function readChanges(fields: Txt2imgFields): Partial<ImageRequest> {
  const { hr_prompt: prompt, hr_negative_prompt: negativePrompt, hr_second_pass_steps: steps } = fields
  return {
    ...(prompt && { prompt: takeLoraTags(prompt).prompt }),
    ...(negativePrompt && { negativePrompt }),
    ...(steps && { numInferenceSteps: steps }),
  }
}

function enlargedSize({ width, height }: Size, fields: Txt2imgFields): Size {
  const { hr_resize_x: wide = 0, hr_resize_y: tall = 0, hr_scale: scale = DEFAULT_SCALE } = fields
  if (wide > 0 && tall > 0) return { width: wide, height: tall }
  if (wide > 0) return { width: wide, height: Math.round((height * wide) / width) }
  if (tall > 0) return { width: Math.round((width * tall) / height), height: tall }
  return scaleSize({ width, height }, scale)
}

/** Draws over each picture of a finished first pass, with its own seed. */
export async function drawSecondPass(
  services: Services,
  order: DrawOrder,
  first: Drawing,
  wish: HiresWish,
  context: DrawContext,
  onStart: (started: StartedDrawing) => void,
): Promise<Drawing> {
  const passes: Drawing[] = []
  for (const { bytes, seed } of first.images) {
    const { picture } = await decodePicture(bytes)
    const enlarged = await enlargeToFill(services, wish.upscaler, picture, wish.size, context.signal)
    const prepared = await prepareEdit(order.model, { images: [await encodePicture(enlarged, { format: 'png' })] }, wish.size)
    const request = {
      ...order.request,
      ...wish.changes,
      numImages: 1,
      size: wish.size,
      edit: { ...prepared.edit, strength: wish.strength },
    }
    const started = startDrawing(services, { ...order, request, sources: undefined, seed, skipsLimit: true }, context)
    onStart(started)
    passes.push(await started.drawing)
  }
  return { ...first, images: passes.flatMap(({ images }) => images), warnings: passes.flatMap(({ warnings }) => warnings) }
}
