import type { EditSource, ImageRequest, Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import type { DrawOrder } from '../../drawing.ts'
import type { ServedModel } from '../../model-pool.ts'
import { checkMode, settleRequest } from '../../requests/check-order.ts'
import { prepareEdit, type SentPictures, type SourceFacts } from '../../requests/edit-source.ts'
import { enlargeTimes } from '../../requests/enlarge-times.ts'
import { readSize } from '../../requests/size-text.ts'
import type { Services } from '../../services.ts'
import { readDiffusion } from './diffusion-fields.ts'
import type { EditFields, GenerationFields, SharedFields } from './image-fields.ts'
import { listUnhonored } from './unhonored-fields.ts'

/** Fields that only hosted models know. */
const PASSED_ON = ['quality', 'background', 'moderation', 'style', 'user', 'input_fidelity'] as const

/** SGLang's words for `output_compression`. */
const QUALITY_WORDS = { default: 75, maximum: 100, high: 90, medium: 55, low: 35 } as const

/** Turns the fields of a generation into an order. */
export async function readGeneration(services: Services, fields: GenerationFields, isAdmin: boolean): Promise<DrawOrder> {
  checkMode(services, 'generate')
  const model = services.models.find(fields.model)
  const size = readSize(fields.size) ?? readSides(fields)
  return await makeOrder(services, model, fields, { size }, isAdmin)
}

/** Turns the fields and pictures of an edit into an order. */
export async function readEdit(
  services: Services,
  fields: EditFields,
  pictures: SentPictures,
  isAdmin: boolean,
): Promise<DrawOrder> {
  const model = services.models.find(fields.model)
  const asked = readSize(fields.size) ?? readSides(fields)
  const prepared = await prepareEdit(model, pictures, asked)
  const { strength, image_guidance_scale: imageGuidanceScale } = fields
  const edit: EditSource = { ...prepared.edit, strength, imageGuidanceScale }
  return await makeOrder(services, model, fields, { size: prepared.size, edit, sources: prepared.facts }, isAdmin)
}

function readSides({ width, height }: SharedFields): Size | undefined {
  if (width === undefined && height === undefined) return undefined
  if (width !== undefined && height !== undefined) return { width, height }
  throw new DiffgentorError('invalid_request', 'width and height must be given together.', { field: width ? 'height' : 'width' })
}

async function makeOrder(
  services: Services,
  model: ServedModel,
  fields: SharedFields,
  parts: { size: Size | undefined; edit?: EditSource; sources?: SourceFacts },
  isAdmin: boolean,
): Promise<DrawOrder> {
  const request: ImageRequest = {
    prompt: fields.prompt,
    numImages: fields.n ?? 1,
    negativePrompt: fields.negative_prompt,
    size: parts.size,
    numInferenceSteps: fields.num_inference_steps,
    guidanceScale: fields.guidance_scale,
    trueCfgScale: fields.true_cfg_scale,
    edit: parts.edit,
    diffusion: await readDiffusion(services, fields, isAdmin),
    extra: model.backend.capabilities.diffusion ? undefined : passOn(fields),
  }
  const compression = fields.output_compression ?? (fields.output_quality && QUALITY_WORDS[fields.output_quality])
  return {
    model,
    request: settleRequest(services.settings, model, request),
    sources: parts.sources,
    warnings: listUnhonored(model, fields),
    finish: fields.enable_upscaling ? enlargeTimes(fields.upscaling_scale ?? 4) : undefined,
    seed: fields.seed,
    format: fields.output_format ?? 'png',
    quality: compression === undefined ? undefined : Math.max(1, compression),
  }
}

function passOn(fields: SharedFields): Record<string, unknown> | undefined {
  const given = PASSED_ON.map((name) => [name, (fields as Record<string, unknown>)[name]]).filter(
    ([, value]) => value !== undefined,
  )
  return given.length > 0 ? Object.fromEntries(given) : undefined
}
