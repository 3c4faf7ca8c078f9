import type { EditSource, ImageRequest, Size } from '../../../contract/index.ts'
import type { DrawOrder } from '../../drawing.ts'
import type { ServedModel } from '../../model-pool.ts'
import { checkMode, settleRequest } from '../../requests/check-order.ts'
import { type PreparedEdit, prepareEdit } from '../../requests/edit-source.ts'
import { readPicture } from '../../requests/picture-reference.ts'
import type { Services } from '../../services.ts'
import type { TaskFacts } from './task.ts'
import type { TaskFields } from './task-fields.ts'

const DEFAULT_GUIDANCE = 3.5
const DEFAULT_QUALITY = 85

/** The origin keeps 0.4 of the source: that share of the steps is left out. */
const SOURCE_STRENGTH = 0.6

const SEEDS = 2n ** 32n

/** Turns the fields of a task into an order and into what is told of it. */
export async function readTask(
  services: Services,
  model: ServedModel,
  fields: TaskFields,
  signal: AbortSignal,
): Promise<{ order: DrawOrder; facts: TaskFacts }> {
  const { backend } = model
  const asked = readSides(fields, model)
  const prepared = await prepareSource(services, model, fields.init_image, asked, signal)
  checkMode(services, prepared ? 'edit' : 'generate')
  const edit: EditSource | undefined = prepared && { ...prepared.edit, strength: SOURCE_STRENGTH }
  const guidance = fields.guidance ?? DEFAULT_GUIDANCE
  const request: ImageRequest = {
    prompt: fields.prompt,
    numImages: 1,
    size: prepared?.size ?? asked,
    numInferenceSteps: fields.steps,
    guidanceScale: backend.capabilities.guidanceScale ? guidance : undefined,
    edit,
  }
  const settled = settleRequest(services.settings, model, request)
  const { width, height } = settled.size ?? backend.capabilities.sizes?.default ?? { width: 1024, height: 1024 }
  const seed = String(fields.seed ?? Math.floor(Date.now() / 1000)).trim()
  const format = fields.format?.trim().toUpperCase() === 'PNG' ? 'PNG' : 'JPEG'
  const quality = Math.min(100, Math.max(1, fields.quality ?? DEFAULT_QUALITY))
  return {
    order: {
      model,
      request: settled,
      sources: prepared?.facts,
      seed: backend.capabilities.seed ? Number(BigInt.asUintN(32, BigInt(seed) % SEEDS)) : undefined,
      format: format === 'PNG' ? 'png' : 'jpeg',
      quality: format === 'PNG' ? undefined : quality,
    },
    facts: {
      prompt: fields.prompt,
      seed,
      height,
      width,
      steps: settled.numInferenceSteps ?? backend.defaults?.numInferenceSteps ?? 1,
      guidance: settled.guidanceScale ?? guidance,
      format,
      quality,
      priority: fields.priority ?? false,
    },
  }
}

/** Both sides, each the model's own where it is not given; undefined when neither is. */
function readSides({ width, height }: TaskFields, { backend }: ServedModel): Size | undefined {
  if (width === undefined && height === undefined) return undefined
  const usual = backend.capabilities.sizes?.default ?? { width: 1024, height: 1024 }
  return { width: width ?? usual.width, height: height ?? usual.height }
}

/** The source of an edit; undefined for none, and for one that cannot be read. */
async function prepareSource(
  services: Services,
  model: ServedModel,
  picture: unknown,
  asked: Size | undefined,
  signal: AbortSignal,
): Promise<PreparedEdit | undefined> {
  if (picture === undefined) return undefined
  const bytes = await readPicture(services, picture, signal, 'init_image').catch(() => undefined)
  return bytes && (await prepareEdit(model, { images: [bytes] }, asked))
}
