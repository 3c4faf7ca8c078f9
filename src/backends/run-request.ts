import type { CallContext, ImageBackend, ImageRequest, ImageResult, ImageWarning, Usage } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'

/** Runs a request on a backend: checks it, says what cannot be honored, and splits many pictures into calls of the size that the backend takes. */
export async function runRequest(backend: ImageBackend, request: ImageRequest, context: CallContext): Promise<ImageResult> {
  context.signal.throwIfAborted()
  checkRequest(request)
  checkAbility(backend, request)
  const { request: honored, warnings } = withholdIgnored(backend, request)
  const results: ImageResult[] = []
  for (const call of splitCalls(honored, backend.capabilities.maxImagesPerCall)) {
    const first = results.reduce((count, result) => count + result.images.length, 0)
    try {
      results.push(await backend.run(call, { ...context, onProgress: countFrom(first, context.onProgress) }))
    } catch (error) {
      // What is paid for is handed over, if it is not all.
      if (!backend.capabilities.paid || first === 0 || context.signal.aborted) throw error
      warnings.push(missingWarning(first, request.numImages, error))
      break
    }
  }
  return mergeResults(results, warnings)
}

function missingWarning(drawn: number, asked: number, error: unknown): ImageWarning {
  const reason = error instanceof Error ? error.message : String(error)
  return { kind: 'adjusted', field: 'num_images_per_prompt', detail: `Only ${drawn} of ${asked} images came back: ${reason}` }
}

function checkRequest(request: ImageRequest): void {
  const { numImages, seeds, size, edit } = request
  if (!Number.isSafeInteger(numImages) || numImages < 1) {
    throw invalid('num_images_per_prompt', `The number of images must be a whole number from 1, got ${numImages}.`)
  }
  if (seeds && seeds.length !== numImages) {
    throw invalid('seed', `There must be one seed for each of the ${numImages} images, got ${seeds.length}.`)
  }
  if (size && !(size.width > 0 && size.height > 0)) {
    throw invalid('size', `Width and height must be positive, got ${size.width}x${size.height}.`)
  }
  if (edit && edit.images.length === 0) throw invalid('image', 'An edit needs at least one source image, got none.')
  if (edit?.strength !== undefined && !(edit.strength >= 0 && edit.strength <= 1)) {
    throw invalid('strength', `The strength must be from 0 to 1, got ${edit.strength}.`)
  }
}

function checkAbility(backend: ImageBackend, request: ImageRequest): void {
  const { capabilities, modelId } = backend
  if (!request.edit && !capabilities.generate) {
    throw new DiffgentorError(
      'unsupported',
      `The model ${modelId} edits pictures and cannot draw from text alone; give it a source image.`,
    )
  }
  if (request.edit && !capabilities.edit) {
    throw new DiffgentorError(
      'unsupported',
      `The model ${modelId} draws from text and cannot edit pictures; choose another model.`,
    )
  }
  if (request.edit && request.edit.images.length > capabilities.maxInputImages) {
    throw invalid(
      'image',
      `The model ${modelId} takes at most ${capabilities.maxInputImages} source image(s), got ${request.edit.images.length}.`,
    )
  }
}

/** Takes out what the backend would drop, and says so. */
function withholdIgnored(backend: ImageBackend, request: ImageRequest): { request: ImageRequest; warnings: ImageWarning[] } {
  const { capabilities, modelId } = backend
  const honored: ImageRequest = { ...request }
  const warnings: ImageWarning[] = []
  const ignore = (field: string) => warnings.push({ kind: 'ignored', field, detail: `${modelId} does not honor ${field}.` })
  if (honored.negativePrompt !== undefined && !capabilities.negativePrompt) {
    ignore('negative_prompt')
    delete honored.negativePrompt
  }
  if (honored.numInferenceSteps !== undefined && !capabilities.numInferenceSteps) {
    ignore('num_inference_steps')
    delete honored.numInferenceSteps
  }
  if (honored.guidanceScale !== undefined && !capabilities.guidanceScale) {
    ignore('guidance_scale')
    delete honored.guidanceScale
  }
  if (honored.seeds && !capabilities.seed) {
    ignore('seed')
    delete honored.seeds
  }
  if (honored.edit?.mask && !capabilities.mask) {
    ignore('mask')
    honored.edit = { ...honored.edit, mask: undefined }
  }
  if (honored.diffusion && !capabilities.diffusion) {
    const given = Object.entries(honored.diffusion).filter(([, value]) => value !== undefined)
    for (const [field] of given) ignore(toSnakeCase(field))
    delete honored.diffusion
  }
  return { request: honored, warnings }
}

function splitCalls(request: ImageRequest, most: number): ImageRequest[] {
  const calls: ImageRequest[] = []
  for (let first = 0; first < request.numImages; first += most) {
    const numImages = Math.min(most, request.numImages - first)
    calls.push({ ...request, numImages, seeds: request.seeds?.slice(first, first + numImages) })
  }
  return calls
}

function countFrom(first: number, onProgress: CallContext['onProgress']): CallContext['onProgress'] {
  if (!onProgress || first === 0) return onProgress
  return (event) => onProgress('image' in event ? { ...event, image: event.image + first } : event)
}

function mergeResults(results: ImageResult[], warnings: ImageWarning[]): ImageResult {
  const [head, ...rest] = results as [ImageResult, ...ImageResult[]]
  const all = [...warnings, ...results.flatMap((result) => result.warnings)]
  const distinct = [...new Map(all.map((warning) => [`${warning.field}\0${warning.detail}`, warning])).values()]
  return {
    images: results.flatMap((result) => result.images),
    warnings: distinct,
    recipe: head.recipe,
    usage: rest.reduce((sum, result) => addUsage(sum, result.usage), head.usage),
  }
}

function addUsage(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (!a || !b) return a ?? b
  const add = (x: number | undefined, y: number | undefined) =>
    x === undefined && y === undefined ? undefined : (x ?? 0) + (y ?? 0)
  return {
    inputTokens: add(a.inputTokens, b.inputTokens),
    inputImageTokens: add(a.inputImageTokens, b.inputImageTokens),
    outputTokens: add(a.outputTokens, b.outputTokens),
    costUsd: add(a.costUsd, b.costUsd),
  }
}

function invalid(field: string, message: string): DiffgentorError {
  return new DiffgentorError('invalid_request', message, { field })
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
