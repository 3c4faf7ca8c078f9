import type { ImageRequest, ImageWarning, Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
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

/** The share of the steps that the origin leaves out to begin with a source. */
const KEPT_SHARE = 0.4

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
  const { prepared, warnings } = await prepareSource(services, model, fields.init_image, asked, signal)
  checkMode(services, prepared ? 'edit' : 'generate')
  const request: ImageRequest = {
    prompt: fields.prompt,
    numImages: 1,
    size: prepared?.size ?? asked,
    numInferenceSteps: fields.steps,
    guidanceScale: fields.guidance ?? (backend.capabilities.guidanceScale ? DEFAULT_GUIDANCE : undefined),
    edit: prepared?.edit,
  }
  const settled = settleRequest(services.settings, model, request)
  const steps = settled.numInferenceSteps ?? backend.defaults?.numInferenceSteps ?? 1
  if (settled.edit) settled.edit = { ...settled.edit, strength: sourceStrength(steps) }
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
      warnings,
    },
    facts: {
      prompt: fields.prompt,
      seed,
      height,
      width,
      steps,
      guidance: settled.guidanceScale ?? DEFAULT_GUIDANCE,
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

/**
 * What runs of the steps with a source: the origin leaves out `floor(0.4 × steps)` of them, and at least one. Of a single step
 * nothing can be left out.
 */
function sourceStrength(steps: number): number {
  if (steps === 1) return 1
  return (steps - Math.max(1, Math.floor(steps * KEPT_SHARE))) / steps
}

/** The source of an edit, if there is one that can be read. */
async function prepareSource(
  services: Services,
  model: ServedModel,
  picture: unknown,
  asked: Size | undefined,
  signal: AbortSignal,
): Promise<{ prepared: PreparedEdit | undefined; warnings: ImageWarning[] }> {
  if (picture === undefined) return { prepared: undefined, warnings: [] }
  try {
    const bytes = await readPicture(services, picture, signal, 'init_image')
    return { prepared: await prepareEdit(model, { images: [bytes] }, asked), warnings: [] }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof DiffgentorError) || error.code !== 'unreadable_image') throw error
    return {
      prepared: undefined,
      warnings: [{ kind: 'ignored', field: 'init_image', detail: 'init_image is ignored: it cannot be read.' }],
    }
  }
}
