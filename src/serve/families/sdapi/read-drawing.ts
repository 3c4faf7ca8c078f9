import type { ImageRequest, Size, SizeRule } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import type { DrawOrder } from '../../drawing.ts'
import type { ServedModel } from '../../model-pool.ts'
import { checkMode, settleRequest } from '../../requests/check-order.ts'
import { prepareEdit } from '../../requests/edit-source.ts'
import type { Services } from '../../services.ts'
import { DRAW_DEFAULTS, type DrawQuery } from './draw-query.ts'
import { type DrawParts, readEnlargement, readWishes } from './read-wishes.ts'

/** Sides of the origin are multiples of this. */
const GRID = 8

const MAX_GRID_PIXELS = 100_000_000

/** Turns a query, with a picture to start from if there is one, into an order. */
export async function readDrawing(
  services: Services,
  query: DrawQuery,
  signal: AbortSignal,
  parts: DrawParts = {},
): Promise<DrawOrder> {
  checkMode(services, parts.image ? 'edit' : 'generate')
  const model = services.models.find(query.model_id)
  const { capabilities } = model.backend
  const asked = readSize(query, capabilities.sizes)
  const prepared = parts.image && (await prepareEdit(model, { images: [parts.image] }, asked))
  const steps = Math.min(DRAW_DEFAULTS.num_inference_steps, capabilities.maxInferenceSteps ?? Number.POSITIVE_INFINITY)
  const request: ImageRequest = {
    prompt: query.prompt ?? DRAW_DEFAULTS.prompt,
    negativePrompt: query.negative_prompt ?? (capabilities.negativePrompt ? DRAW_DEFAULTS.negative_prompt : undefined),
    numImages: query.count_returned ?? DRAW_DEFAULTS.count_returned,
    size: prepared?.size ?? asked,
    numInferenceSteps: query.num_inference_steps ?? (capabilities.numInferenceSteps ? steps : undefined),
    guidanceScale: query.guidance_scale ?? (capabilities.guidanceScale ? DRAW_DEFAULTS.guidance_scale : undefined),
    edit: prepared?.edit,
    diffusion: await readWishes(services, query, parts),
  }
  const settled = settleRequest(services.settings, model, request)
  checkGrid(settled, model, query.upscaling_scale)
  return {
    model,
    request: settled,
    sources: prepared?.facts,
    finish: await readEnlargement(services, query, signal),
    seed: chooseSeed(query, model),
    format: 'png',
    // Its pictures stand in one grid, black or not.
    keepsFlagged: true,
  }
}

/** All pictures stand in one grid, which has to fit into memory. */
function checkGrid({ size, numImages }: ImageRequest, { backend }: ServedModel, scale = 1): void {
  const { width, height } = size ?? backend.capabilities.sizes?.default ?? { width: 512, height: 512 }
  if (width * height * scale ** 2 * numImages <= MAX_GRID_PIXELS) return
  throw new DiffgentorError(
    'invalid_request',
    `A grid may have at most ${MAX_GRID_PIXELS} pixels, got ${numImages} pictures of ${width * scale}x${height * scale}; ask for fewer.`,
    { field: 'count_returned' },
  )
}

/** Undefined lets the server draw one at random. */
function chooseSeed({ seed = DRAW_DEFAULTS.seed }: DrawQuery, { backend }: ServedModel): number | undefined {
  return seed < 0 || !backend.capabilities.seed ? undefined : seed
}

/** Both sides, each the model's own where it is not given, floored to what it draws; undefined when neither is. */
function readSize({ width, height }: DrawQuery, rule: SizeRule | undefined): Size | undefined {
  if (width === undefined && height === undefined) return undefined
  const usual = rule?.default ?? { width: 512, height: 512 }
  const grid = leastCommonMultiple(GRID, rule?.multiple ?? 1)
  const floor = (side: number) => Math.max(grid, Math.floor(side / grid) * grid)
  return { width: floor(width ?? usual.width), height: floor(height ?? usual.height) }
}

function leastCommonMultiple(a: number, b: number): number {
  let [large, small] = [a, b]
  while (small > 0) [large, small] = [small, large % small]
  return (a * b) / large
}
