import { randomInt } from 'node:crypto'
import { runRequest } from '../backends/run-request.ts'
import { VERSION } from '../config/version.ts'
import type {
  GeneratedImage,
  ImageRequest,
  ImageResult,
  ImageWarning,
  Progress,
  RawPicture,
  Size,
  Usage,
} from '../contract/index.ts'
import { DiffgentorError, toDiffgentorError } from '../errors.ts'
import { decodePicture, readPictureHeader } from '../images/decode-picture.ts'
import { encodePicture, type OutputFormat } from '../images/encode-picture.ts'
import { buildRecipe, type Recipe } from '../images/recipe.ts'
import type { ServedModel } from './model-pool.ts'
import { RepeatingBackend } from './repeating-backend.ts'
import type { SourceFacts } from './requests/edit-source.ts'
import type { Ticket } from './run-queue.ts'
import type { Services } from './services.ts'

const SEEDS = 2 ** 32

/** What a route asks to have drawn. */
export interface DrawOrder {
  model: ServedModel
  /** Everything but the seeds. */
  request: ImageRequest
  /** What is known of the source pictures of an edit. */
  sources?: SourceFacts | undefined
  /** Done to each drawn picture before it is encoded. */
  finish?: ((picture: RawPicture) => RawPicture | Promise<RawPicture>) | undefined
  /** Base seed: picture j gets `(seed + j) mod 2³²`. Absent: drawn at random. */
  seed?: number | undefined
  format: OutputFormat
  /** Quality of jpeg and webp, 1–100. Absent: the same default as on the command line. */
  quality?: number | undefined
  /** Pictures that the safety checker blackened are handed out, as the family's origin does, even where there are no others. */
  keepsFlagged?: boolean | undefined
  /** Wishes that were read and cannot be honored, told with the answer. */
  warnings?: readonly ImageWarning[] | undefined
  /** Place in the queue; see `Work`. */
  priority?: number | undefined
  skipsLimit?: boolean | undefined
}

export interface DrawnImage {
  bytes: Uint8Array
  /** All frames of a video, of which `bytes` shows the first. */
  frames: readonly RawPicture[] | undefined
  size: Size
  seed: number | undefined
  revisedPrompt: string | undefined
  /** Whether the picture has an alpha channel, where that is known. */
  hasAlpha: boolean | undefined
  /** How it was made, as its file says too. */
  recipe: Recipe
  /** Whether the safety checker blackened it; undefined where none looked. */
  isFlagged: boolean | undefined
}

/** A finished order. */
export interface Drawing {
  images: DrawnImage[]
  warnings: ImageWarning[]
  usage: Usage | undefined
  format: OutputFormat
}

export interface DrawContext {
  signal: AbortSignal
  onProgress?: ((event: Progress) => void) | undefined
  /** A preview after every so many steps. */
  previewEvery?: number | undefined
}

export interface StartedDrawing {
  ticket: Ticket<ImageResult>
  /** One for each picture; absent: the backend draws its own. */
  seeds: readonly number[] | undefined
  drawing: Promise<Drawing>
}

/** Puts an order into the queue. Throws at once when the queue is full; everything later rejects `drawing`. */
export function startDrawing(services: Services, order: DrawOrder, context: DrawContext): StartedDrawing {
  const { model } = order
  const seeds = chooseSeeds(order)
  const request: ImageRequest = { ...askForOneFrame(model, services.loras.apply(model.id, order.request)), seeds }
  const deadline = new Deadline(services.settings.requestTimeout, context.signal)
  const ticket = services.queue.submit({
    model: model.id,
    cost: measureCost(model, request),
    priority: order.priority,
    skipsLimit: order.skipsLimit,
    signal: deadline.signal,
    run: async (signal) => {
      const startedAt = performance.now()
      const called = await services.embeddings.apply(model, request)
      const result = await services.models.use(model, async (backend) => {
        const asked = backend.capabilities.paid ? new RepeatingBackend(backend, services.settings) : backend
        return await runRequest(asked, called.request, { ...context, signal })
      })
      const seconds = (performance.now() - startedAt) / 1000
      services.metrics.countDrawing(model.id, request.edit ? 'edit' : 'generate', result.images.length, seconds)
      return { ...result, warnings: [...called.warnings, ...result.warnings] }
    },
  })
  // Encoding happens outside the queue, so that the next request is drawn meanwhile.
  const drawing = ticket.result.then((result) => encodeResult(order, request, result))
  return { ticket, seeds, drawing: deadline.guard(drawing) }
}

function chooseSeeds({ seed, request, model }: DrawOrder): number[] | undefined {
  if (seed === undefined && !model.backend.capabilities.seed) return undefined
  const base = seed ?? randomInt(SEEDS)
  return Array.from({ length: request.numImages }, (_, image) => (((base + image) % SEEDS) + SEEDS) % SEEDS)
}

/** A picture is one frame where the model makes films of one; others make all their frames for the first. */
function askForOneFrame({ backend }: ServedModel, request: ImageRequest): ImageRequest {
  if (request.diffusion?.numFrames !== undefined || backend.capabilities.video?.minFrames !== 1) return request
  return { ...request, diffusion: { ...request.diffusion, numFrames: 1 } }
}

/** Size of the work: pixels × steps × pictures or frames. */
export function measureCost({ backend }: ServedModel, request: ImageRequest): number {
  const { size, numInferenceSteps, numImages, diffusion } = request
  const { sizes, video } = backend.capabilities
  const { width, height } = size ?? sizes?.default ?? { width: 1024, height: 1024 }
  const frames = diffusion?.numFrames ?? (video && video.minFrames === video.maxFrames ? video.minFrames : 1)
  const steps = numInferenceSteps ?? backend.defaults?.numInferenceSteps ?? 1
  return width * height * steps * numImages * frames
}

async function encodeResult(order: DrawOrder, request: ImageRequest, result: ImageResult): Promise<Drawing> {
  if (!order.keepsFlagged) refuseFlagged(result)
  const encode = async (image: GeneratedImage): Promise<DrawnImage> => {
    try {
      return await encodeImage(order, request, result, image)
    } catch (thrown) {
      throw blameProvider(thrown, image)
    }
  }
  const images = await Promise.all(result.images.map(encode))
  const notes = order.sources?.notes ?? []
  const adjusted = notes.map((detail): ImageWarning => ({ kind: 'adjusted', field: 'image', detail }))
  return {
    images,
    warnings: [...(order.warnings ?? []), ...adjusted, ...result.warnings],
    usage: result.usage,
    format: order.format,
  }
}

/** Where nothing is left but black pictures, the request is refused as a provider would refuse it. */
function refuseFlagged({ images }: ImageResult): void {
  if (!images.every(({ isFlagged }) => isFlagged)) return
  throw new DiffgentorError(
    'content_policy',
    'The safety checker flagged everything that was drawn as unfit; try another seed or another prompt.',
  )
}

async function encodeImage(
  { format, quality, sources, finish }: DrawOrder,
  request: ImageRequest,
  result: ImageResult,
  { picture: drawn, frames, seed, revisedPrompt, isFlagged }: GeneratedImage,
): Promise<DrawnImage> {
  const picture = finish ? await finish(drawn.kind === 'raw' ? drawn : (await decodePicture(drawn.bytes)).picture) : drawn
  const header =
    picture.kind === 'raw' ? { ...picture, hasAlpha: picture.channels === 4 } : await readPictureHeader(picture.bytes)
  const size = { width: header.width, height: header.height }
  const recipe = buildRecipe({
    result: result.recipe,
    prompt: request.prompt,
    negativePrompt: request.negativePrompt,
    revisedPrompt,
    seed,
    size,
    sourceHashes: sources?.sourceHashes,
    maskHash: sources?.maskHash,
    version: VERSION,
  })
  const bytes = await encodePicture(picture, { format, quality, recipe })
  return { bytes, frames, size, seed, revisedPrompt, hasAlpha: header.hasAlpha, recipe, isFlagged }
}

/** A provider may send anything in place of a picture, which is no fault of the caller's. */
function blameProvider(cause: unknown, { picture }: GeneratedImage): unknown {
  const isUnreadable = cause instanceof DiffgentorError && cause.code === 'unreadable_image'
  if (picture.kind === 'raw' || !isUnreadable) return cause
  return new DiffgentorError('upstream_failed', 'The provider answered with something that is no picture.', { cause })
}

function cancelled(cause: unknown): DiffgentorError {
  return new DiffgentorError('cancelled', 'The caller left before the work was done.', { cause })
}

/** Ends work when its caller leaves or its time is over, and tells the two apart. */
class Deadline {
  readonly signal: AbortSignal
  readonly #timer: NodeJS.Timeout | undefined

  constructor(seconds: number | undefined, caller: AbortSignal) {
    if (seconds === undefined) {
      this.signal = caller
      return
    }
    const timeout = new AbortController()
    const error = new DiffgentorError('timeout', `The request took longer than the ${seconds} seconds that this server allows.`)
    this.#timer = setTimeout(() => timeout.abort(error), Math.min(seconds * 1000, 2 ** 31 - 1))
    this.signal = AbortSignal.any([caller, timeout.signal])
  }

  async guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (thrown) {
      if (!this.signal.aborted) throw toDiffgentorError(thrown)
      const { reason } = this.signal
      throw reason instanceof DiffgentorError ? reason : cancelled(thrown)
    } finally {
      clearTimeout(this.#timer)
    }
  }
}
