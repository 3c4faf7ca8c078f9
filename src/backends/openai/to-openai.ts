import type OpenAI from 'openai'
import type { ImageRequest, ImageWarning } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { checkSize } from '../hosted/check-size.ts'
import { Enclosures } from '../hosted/enclosures.ts'
import { prepareMask, prepareUpload } from '../hosted/upload-picture.ts'
import type { OpenAIModel } from './openai-models.ts'

type Generate = OpenAI.Images.ImageGenerateParamsNonStreaming
type Edit = OpenAI.Images.ImageEditParamsNonStreaming

/** A request in the words of the images API. */
export type OpenAICall =
  | { kind: 'generate'; body: Generate; enclosures?: undefined }
  | { kind: 'edit'; body: Edit; enclosures: Enclosures }

/** Fields of the API that have a place of their own in a request. */
const OWN_FIELDS = ['prompt', 'model', 'n', 'image', 'mask', 'stream', 'partial_images'] as const

/** Translates a request. `responseFormat` is left out where the model refuses it or the caller gave one. */
export async function toOpenAI(
  request: ImageRequest,
  modelId: string,
  model: OpenAIModel,
  responseFormat: 'b64_json' | undefined,
): Promise<{ call: OpenAICall; warnings: ImageWarning[] }> {
  const { size, edit, extra = {}, numImages, prompt } = request
  checkExtra(extra)
  if (size && model.sizes) checkSize(modelId, size, model.sizes)
  const body = {
    prompt,
    model: modelId,
    ...(numImages > 1 && { n: numImages }),
    ...(size && { size: `${size.width}x${size.height}` }),
    ...(responseFormat && { response_format: responseFormat }),
    ...(model.dialect === 'compatible' && compatibleFields(request)),
    ...extra,
  }
  const warnings = model.dialect === 'hosted' ? warnOfIgnored(request, modelId) : []
  if (!edit) return { call: { kind: 'generate', body: body as Generate }, warnings }
  const uploads = await Promise.all(edit.images.map((image, at) => prepareUpload(image, model.inputFormats, `image-${at + 1}`)))
  const enclosures = new Enclosures()
  const files = uploads.map((upload) => enclosures.asFile(upload))
  const mask = edit.mask && enclosures.asFile(await prepareMask(edit.mask, edit.images[0]!))
  const image = files.length === 1 ? files[0]! : files
  return { call: { kind: 'edit', body: { ...(body as Edit), image, ...(mask && { mask }) }, enclosures }, warnings }
}

/** What servers of open models read beside OpenAI's fields. */
function compatibleFields(request: ImageRequest): Record<string, unknown> {
  const { negativePrompt, seeds, numInferenceSteps, guidanceScale, trueCfgScale, edit } = request
  const fields = {
    negative_prompt: negativePrompt,
    seed: seeds?.[0],
    num_inference_steps: numInferenceSteps,
    guidance_scale: guidanceScale,
    true_cfg_scale: trueCfgScale,
    strength: edit?.strength,
    image_guidance_scale: edit?.imageGuidanceScale,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Wishes without a flag among the capabilities. */
function warnOfIgnored({ trueCfgScale, edit }: ImageRequest, modelId: string): ImageWarning[] {
  const wishes = { true_cfg_scale: trueCfgScale, strength: edit?.strength, image_guidance_scale: edit?.imageGuidanceScale }
  return Object.entries(wishes)
    .filter(([, value]) => value !== undefined)
    .map(([field]) => ({ kind: 'ignored', field, detail: `${modelId} does not honor ${field}.` }))
}

function checkExtra(extra: Readonly<Record<string, unknown>>): void {
  const taken = OWN_FIELDS.find((field) => field in extra)
  if (!taken) return
  const reason = taken === 'stream' || taken === 'partial_images' ? 'answers are not streamed' : 'it has a setting of its own'
  throw new DiffgentorError('invalid_request', `The extra field "${taken}" cannot be passed on: ${reason}.`, { field: 'extra' })
}
