import type { BackendSettings } from '../../config/settings.ts'
import type {
  BackendCapabilities,
  CallContext,
  GeneratedImage,
  ImageBackend,
  ImageRequest,
  ImageResult,
} from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { readCallLimits } from '../hosted/call-limits.ts'
import type { Endpoint } from '../hosted/endpoint.ts'
import { HostedCalls, unreadableAnswer } from '../hosted/hosted-calls.ts'
import { readEndpoints } from '../hosted/hosted-endpoints.ts'
import { warnOfMissing } from '../hosted/warn-of-missing.ts'
import { type AnsweredPicture, readPictures, readUsage, toImage } from './from-openai.ts'
import { createOpenAIClient, type OpenAIAccount } from './openai-client.ts'
import { readOpenAIError } from './openai-errors.ts'
import { describeOpenAIModel, findOpenAIModel, type OpenAIModel } from './openai-models.ts'
import { type OpenAICall, toOpenAI } from './to-openai.ts'

const OPENAI_URL = 'https://api.openai.com/v1'
const DEFAULT_MODEL = 'gpt-image-1'

interface Answered {
  endpoint: Endpoint
  answer: unknown
  pictures: AnsweredPicture[]
}

/** A model behind the OpenAI images API, or behind any server that speaks it. */
export class OpenAIBackend implements ImageBackend {
  readonly name = 'openai'
  readonly modelId: string
  readonly capabilities: BackendCapabilities
  readonly #model: OpenAIModel
  readonly #calls: HostedCalls
  readonly #timeoutMs: number
  readonly #account: OpenAIAccount
  /** Cleared once a server has refused the field. */
  #sendsResponseFormat: boolean

  constructor(settings: BackendSettings) {
    const endpoints = readEndpoints({
      keyVariable: 'OPENAI_API_KEY',
      poolPrefix: 'DG_OPENAI',
      defaultBaseUrl: OPENAI_URL,
      baseUrl: settings.openaiBaseUrl,
      apiKey: settings.openaiApiKey,
      endpoints: settings.openaiEndpoints,
      apiKeys: settings.openaiApiKeys,
      rateLimits: settings.openaiRateLimits,
      rateLimit: settings.openaiRateLimit,
      weights: settings.openaiWeights,
    })
    const isOpenAI = endpoints.every(({ baseUrl }) => baseUrl === OPENAI_URL)
    const limits = readCallLimits(settings, { maxWorkers: settings.openaiMaxWorkers, timeout: settings.openaiTimeout })
    this.modelId = settings.modelName ?? DEFAULT_MODEL
    this.#model = findOpenAIModel(this.modelId, isOpenAI)
    this.#sendsResponseFormat = this.#model.takesResponseFormat
    this.#timeoutMs = limits.timeoutMs
    this.#account = { organization: settings.openaiOrganization, project: settings.openaiProject }
    this.capabilities = describeOpenAIModel(this.#model, limits.concurrency)
    this.#calls = new HostedCalls({
      ...limits,
      endpoints,
      requestsPerMinute: settings.rpm,
      readError: readOpenAIError,
    })
  }

  async run(request: ImageRequest, context: CallContext): Promise<ImageResult> {
    context.signal.throwIfAborted()
    const wantsFormat = this.#sendsResponseFormat && request.extra?.['response_format'] === undefined
    const { call, warnings } = await toOpenAI(request, this.modelId, this.#model, wantsFormat ? 'b64_json' : undefined)
    const { endpoint, answer, pictures } = await this.#askForgiving(call, context)
    const { size, numInferenceSteps, guidanceScale, extra } = request
    const seeds = this.capabilities.seed ? request.seeds : undefined
    const images = await Promise.all(pictures.map((picture, at) => this.#fetch(picture, seeds?.[at], endpoint, context)))
    return {
      images,
      warnings: [...warnings, ...warnOfMissing(images.length, request.numImages, endpoint)],
      recipe: {
        backend: this.name,
        model: this.modelId,
        numInferenceSteps,
        guidanceScale,
        settings: { ...(size && { size: `${size.width}x${size.height}` }), ...extra },
      },
      usage: readUsage(answer, this.modelId, request, images.length),
    }
  }

  /** Asks again without `response_format` when a server refuses the field, and never sends it again. */
  async #askForgiving(call: OpenAICall, context: CallContext): Promise<Answered> {
    try {
      return await this.#ask(call, context)
    } catch (error) {
      const isRefused =
        error instanceof DiffgentorError && error.code === 'upstream_rejected' && /response_format/.test(error.message)
      if (!isRefused || call.body.response_format === undefined) throw error
      this.#sendsResponseFormat = false
      delete call.body.response_format
      return await this.#ask(call, context)
    }
  }

  #ask(call: OpenAICall, context: CallContext): Promise<Answered> {
    return this.#calls.call(
      async (endpoint, fetch) => {
        const { images } = createOpenAIClient(endpoint, fetch, this.#timeoutMs, this.#account)
        const told: unknown = await (call.kind === 'edit' ? images.edit(call.body) : images.generate(call.body))
        // Without a JSON content type, the SDK hands the body over as text.
        const answer: unknown = typeof told === 'string' ? JSON.parse(told) : told
        const pictures = readPictures(answer)
        if (!pictures) throw unreadableAnswer(endpoint)
        if (pictures.length === 0) {
          throw new DiffgentorError('empty_answer', `${endpoint.name} answered without a picture and without a reason.`)
        }
        return { endpoint, answer, pictures }
      },
      context,
      call.enclosures,
    )
  }

  async #fetch(
    { source, revisedPrompt }: AnsweredPicture,
    seed: number | undefined,
    endpoint: Endpoint,
    { signal }: CallContext,
  ): Promise<GeneratedImage> {
    if ('bytes' in source) return toImage(source.bytes, seed, revisedPrompt)
    const url = new URL(source.url, `${endpoint.baseUrl}/`)
    return toImage(await this.#calls.download(url, endpoint, signal), seed, revisedPrompt)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls[Symbol.asyncDispose]()
  }
}

/** Opens the backend. Sends nothing yet. */
export async function openOpenAIBackend(settings: BackendSettings): Promise<ImageBackend> {
  return new OpenAIBackend(settings)
}
