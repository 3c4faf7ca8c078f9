import { randomInt } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { BackendSettings } from '../../config/settings.ts'
import type {
  BackendCapabilities,
  CallContext,
  EditSource,
  GeneratedImage,
  ImageBackend,
  ImageRequest,
  ImageResult,
  ImageWarning,
  RawPicture,
  Size,
} from '../../contract/index.ts'
import { padEdit } from '../../images/pad-edit.ts'
import type { FoundModel } from '../../models/find-model.ts'
import { hashModel } from '../../models/hash-model.ts'
import { checkRequest, describeModel, listTokens, type ModelDescription, type PipelineResult } from '../../pipelines/index.ts'
import type { OpenContext } from '../open-context.ts'
import { chooseResidence, readAskedResidence } from './choose-residence.ts'
import { chooseSafetyChecker, withSafetyChecker } from './choose-safety-checker.ts'
import { checkDevice, countWorkers, planEngine } from './engine-options.ts'
import { findModelFolder } from './find-model-folder.ts'
import { type MemoryBudget, planMemory, type Residence } from './memory-budget.ts'
import { WorkerPool } from './worker-pool.ts'

/** Two pieces of work a process, so that it never waits for the next one. */
const MIN_QUEUE = 2
const MAX_IMAGES_PER_CALL = 64

/** Opens a model folder behind processes of its own. Only its description is read now; a process starts with the first picture. */
export async function openOnnxBackend(
  settings: BackendSettings & { batchSize?: number | undefined },
  context: OpenContext = {},
): Promise<ImageBackend> {
  const plan = planEngine(settings)
  await checkDevice(settings)
  const model = await findModelFolder(settings, plan.dtype, context)
  const bare = await describeModel(model.folder, settings.modelType, plan.dtype)
  const safetyChecker = await chooseSafetyChecker(settings, bare)
  const description = withSafetyChecker(bare, safetyChecker)
  const { residence, warning } = chooseResidence(description, await readAskedResidence(settings, plan, description), {
    maxMemory: settings.maxMemory,
    mayMap: plan.isOnCpu && settings.mapWeights !== 'never',
  })
  const memory = planMemory(description, { ...residence, maxMemory: settings.maxMemory })
  const fitting = memory.countFitting(description.defaults)
  const size = settings.numWorkers ?? Math.min(fitting, countWorkers(description, plan.devices))
  const pool = new WorkerPool({
    size,
    depth: Math.max(MIN_QUEUE, settings.batchSize ?? 1),
    recycleAfter: settings.recycleAfter,
    maxResidentBytes: settings.maxRss === undefined ? undefined : settings.maxRss * 1e6,
    pipelineOptions: (place) => ({ ...plan.pipelineOptions(model.folder, place, size, residence), safetyChecker }),
  })
  const hash = () =>
    hashModel(
      model.folder,
      description.components.flatMap(({ files }) => files),
      settings,
    )
  const warnings = [...plan.warnings, ...(warning ? [warning] : []), ...description.warnings]
  return new OnnxBackend({ model, description, residence, warnings, memory, pool, hash })
}

interface OnnxParts {
  model: FoundModel
  description: ModelDescription
  residence: Residence
  warnings: readonly ImageWarning[]
  memory: MemoryBudget
  pool: WorkerPool
  hash: () => Promise<string>
}

/** What is drawn for a request, and what is done to the result. */
interface Fitted {
  edit: EditSource | undefined
  /** Absent: the model chooses. */
  size: Size | undefined
  finish?: ((picture: RawPicture) => Promise<RawPicture>) | undefined
  note?: string | undefined
}

class OnnxBackend implements ImageBackend {
  readonly name = 'onnx'
  readonly modelId: string
  readonly capabilities: BackendCapabilities
  readonly defaults: { numInferenceSteps: number; guidanceScale: number }
  readonly openingWarnings: readonly ImageWarning[]
  readonly describePicture?: NonNullable<ImageBackend['describePicture']>
  readonly embedPicture?: NonNullable<ImageBackend['embedPicture']>
  readonly #parts: OnnxParts
  #hash: Promise<string | undefined> | undefined

  constructor(parts: OnnxParts) {
    const { model, description, warnings, pool } = parts
    this.#parts = parts
    this.modelId = model.name
    this.capabilities = {
      ...description.capabilities,
      maxImagesPerCall: MAX_IMAGES_PER_CALL,
      concurrency: pool.size * pool.depth,
      paid: false,
    }
    this.defaults = description.defaults
    this.openingWarnings = warnings
    if (description.readsPictures) {
      this.describePicture = async (request, { signal, onProgress }) =>
        (await pool.run({ type: 'describe', request }, { signal, onProgress })).text!
      this.embedPicture = async (image, { signal, onProgress }) =>
        (await pool.run({ type: 'embed', image }, { signal, onProgress })).embedding!
    }
  }

  async run(request: ImageRequest, context: CallContext): Promise<ImageResult> {
    context.signal.throwIfAborted()
    const { edit, size, finish, note } = await this.#fitEdit(request)
    const maxWorkers = this.#parts.memory.countFitting(size ?? this.#parts.description.defaults, changesGraphs(request))
    const seeds = request.seeds ?? Array.from({ length: request.numImages }, () => randomInt(2 ** 32))
    const calls = this.#split({ ...request, edit, size, seeds, numImages: seeds.length })
    this.#hash ??= this.#parts.hash().catch(() => undefined)
    const results = await this.#draw(calls, context, maxWorkers)
    const images = results.flatMap((result) => result.images)
    return {
      images: await Promise.all(images.map((image) => finishImage(image, finish))),
      warnings: [...noteAsWarning(note), ...distinctWarnings(results)],
      recipe: { backend: this.name, model: this.modelId, modelHash: await this.#hash, ...results[0]!.recipe },
    }
  }

  /** An edit without a size keeps its source's, unless the model only looks at the source. */
  async #fitEdit({ edit, size }: ImageRequest): Promise<Fitted> {
    const { capabilities, looksAtReferences } = this.#parts.description
    if (!edit || size || looksAtReferences || !capabilities.sizes) return { edit, size }
    return await padEdit(edit, capabilities.sizes)
  }

  /** One picture each, so that all processes share the work; with offload all at once, so that a component is loaded once. */
  #split(request: ImageRequest & { seeds: readonly number[] }): ImageRequest[] {
    if (this.#parts.residence.cpuOffload) return [request]
    return request.seeds.map((seed) => ({ ...request, numImages: 1, seeds: [seed] }))
  }

  /** The first failure ends the other calls too. */
  async #draw(calls: ImageRequest[], context: CallContext, maxWorkers: number): Promise<PipelineResult[]> {
    const failure = new AbortController()
    const signal = AbortSignal.any([context.signal, failure.signal])
    // One listener for each picture, which is no leak.
    setMaxListeners(0, signal)
    const { onProgress, previewEvery = 0 } = context
    let isStarted = false
    const onStart = () => {
      if (!isStarted) onProgress?.({ phase: 'start' })
      isStarted = true
    }
    const answers = calls.map(async (request, place) => {
      const answer = await this.#parts.pool.run(
        { type: 'draw', request, previewEvery },
        {
          signal,
          maxWorkers,
          onStart,
          onProgress: (event) => onProgress?.('image' in event ? { ...event, image: event.image + place } : event),
        },
      )
      return answer.result!
    })
    try {
      return await Promise.all(answers)
    } catch (error) {
      failure.abort(error)
      throw error
    }
  }

  check(request: ImageRequest): void {
    checkRequest(this.#parts.description, request)
  }

  async enlargePicture(picture: RawPicture, upscaler: string, { signal, onProgress }: CallContext): Promise<RawPicture> {
    return (await this.#parts.pool.run({ type: 'enlarge', picture, upscaler }, { signal, onProgress })).picture!
  }

  async listTokens(prompt: string): Promise<string[]> {
    return await listTokens(this.#parts.model.folder, prompt)
  }

  async warmUp({ signal, onProgress }: CallContext): Promise<void> {
    const { pool } = this.#parts
    const works = Array.from({ length: pool.size }, () => pool.run({ type: 'warm-up' }, { signal, onProgress }))
    await Promise.all(works)
  }

  async unload(): Promise<void> {
    await this.#parts.pool.drain()
  }

  async restart(): Promise<void> {
    await this.#parts.pool.drain()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.pool.close()
  }
}

/** Whether a request draws with graphs of its own in place of the stored ones. */
function changesGraphs({ diffusion }: ImageRequest): boolean {
  const { loras = [], embeddings = [], clipSkip = 0 } = diffusion ?? {}
  return loras.length > 0 || embeddings.length > 0 || clipSkip > 0
}

async function finishImage(image: GeneratedImage, finish: Fitted['finish']): Promise<GeneratedImage> {
  return finish && image.picture.kind === 'raw' ? { ...image, picture: await finish(image.picture) } : image
}

function noteAsWarning(note: string | undefined): ImageWarning[] {
  return note === undefined ? [] : [{ kind: 'adjusted', field: 'image', detail: note }]
}

function distinctWarnings(results: PipelineResult[]): ImageWarning[] {
  const all = results.flatMap(({ warnings }) => warnings)
  return [...new Map(all.map((warning) => [`${warning.field}\0${warning.detail}`, warning])).values()]
}
