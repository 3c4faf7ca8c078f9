import type { BackendCapabilities, CallContext, ImageBackend, ImageRequest, ImageResult } from '../../../contract/index.ts'
import { measureCost } from '../../drawing.ts'
import type { ServedModel } from '../../model-pool.ts'
import { settleRequest } from '../../requests/check-order.ts'
import type { Services } from '../../services.ts'

/** A served model as a batch sees it: every call waits in the server's queue, between those of other callers. */
export class QueuedBackend implements ImageBackend {
  readonly name: string
  readonly modelId: string
  readonly capabilities: BackendCapabilities
  readonly defaults: ImageBackend['defaults']
  readonly openingWarnings: ImageBackend['openingWarnings']
  readonly #services: Services
  readonly #model: ServedModel

  constructor(services: Services, model: ServedModel) {
    const { backend } = model
    this.#services = services
    this.#model = model
    this.name = backend.name
    this.modelId = backend.modelId
    // A batch that held more would fill the line for everybody else.
    const concurrency = Math.min(backend.capabilities.concurrency, services.settings.maxConcurrent)
    this.capabilities = { ...backend.capabilities, concurrency }
    this.defaults = backend.defaults
    this.openingWarnings = backend.openingWarnings
  }

  async run(request: ImageRequest, context: CallContext): Promise<ImageResult> {
    const { queue, models, metrics, settings, embeddings } = this.#services
    const settled = settleRequest(settings, this.#model, request)
    const { result } = queue.submit({
      model: this.modelId,
      cost: measureCost(this.#model, settled),
      skipsLimit: true,
      signal: context.signal,
      run: async (signal) => {
        const startedAt = performance.now()
        const called = await embeddings.apply(this.#model, settled)
        const drawn = await models.use(this.#model, (backend) => backend.run(called.request, { ...context, signal }))
        const seconds = (performance.now() - startedAt) / 1000
        metrics.countDrawing(this.modelId, settled.edit ? 'edit' : 'generate', drawn.images.length, seconds)
        return { ...drawn, warnings: [...called.warnings, ...drawn.warnings] }
      },
    })
    return await result
  }

  async restart(): Promise<void> {
    await this.#model.backend.restart?.()
  }

  /** The model stays the server's. */
  async [Symbol.asyncDispose](): Promise<void> {}
}
