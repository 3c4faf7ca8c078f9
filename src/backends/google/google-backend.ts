import type { BackendSettings } from '../../config/settings.ts'
import type {
  BackendCapabilities,
  CallContext,
  ImageBackend,
  ImageRequest,
  ImageResult,
  ImageWarning,
  Usage,
} from '../../contract/index.ts'
import { readCallLimits } from '../hosted/call-limits.ts'
import type { Endpoint } from '../hosted/endpoint.ts'
import { HostedCalls, unreadableAnswer } from '../hosted/hosted-calls.ts'
import { readEndpoints } from '../hosted/hosted-endpoints.ts'
import { pricePicture } from '../hosted/price-request.ts'
import { asObject } from '../hosted/read-json.ts'
import { warnOfMissing } from '../hosted/warn-of-missing.ts'
import { readGeminiUsage, readGeneratedPictures } from './from-generate-content.ts'
import { readPredictions } from './from-predict.ts'
import { createGoogleClient, type GoogleAddress, splitVersion } from './google-client.ts'
import { readGoogleError } from './google-errors.ts'
import { describeGoogleModel, findGoogleModel } from './google-models.ts'
import { type GoogleTarget, toGenerateContent, toPredict } from './to-google.ts'

const GEMINI_URL = 'https://generativelanguage.googleapis.com'
const DEFAULT_MODEL = 'gemini-2.5-flash-image'

interface Drawn {
  pictures: Uint8Array[]
  warnings: ImageWarning[]
  usage: Usage | undefined
}

/** A Gemini or Imagen model behind Google's developer API, or behind any server that speaks it. */
export class GoogleBackend implements ImageBackend {
  readonly name = 'google_genai'
  readonly modelId: string
  readonly capabilities: BackendCapabilities
  readonly #target: GoogleTarget
  readonly #calls: HostedCalls
  readonly #apiVersion: string | undefined

  constructor(settings: BackendSettings) {
    const endpoints = readEndpoints({
      keyVariable: 'GEMINI_API_KEY',
      poolPrefix: 'DG_GEMINI',
      defaultBaseUrl: GEMINI_URL,
      baseUrl: settings.geminiBaseUrl,
      apiKey: settings.geminiApiKey,
      endpoints: settings.geminiEndpoints,
      apiKeys: settings.geminiApiKeys,
      rateLimits: settings.geminiRateLimits,
      rateLimit: settings.geminiRateLimit,
      weights: settings.geminiWeights,
    })
    const limits = readCallLimits(settings, { maxWorkers: settings.geminiMaxWorkers, timeout: settings.geminiTimeout })
    this.modelId = settings.modelName ?? DEFAULT_MODEL
    const model = findGoogleModel(this.modelId)
    this.#target = { modelId: this.modelId, model, defaultRatio: settings.geminiAspectRatio }
    this.#apiVersion = settings.geminiApiVersion
    this.capabilities = describeGoogleModel(model, limits.concurrency)
    this.#calls = new HostedCalls({
      ...limits,
      endpoints,
      requestsPerMinute: settings.rpm,
      readError: readGoogleError,
    })
  }

  async run(request: ImageRequest, context: CallContext): Promise<ImageResult> {
    context.signal.throwIfAborted()
    const draw = this.#target.model.family === 'imagen' ? this.#predict : this.#generateContent
    const { pictures, warnings, usage } = await draw.call(this, request, context)
    const { size, extra } = request
    return {
      images: pictures.map((bytes) => ({ picture: { kind: 'encoded', bytes } })),
      warnings,
      recipe: {
        backend: this.name,
        model: this.modelId,
        settings: { ...(size && { size: `${size.width}x${size.height}` }), ...extra },
      },
      usage,
    }
  }

  async #generateContent(request: ImageRequest, context: CallContext): Promise<Drawn> {
    const { call, enclosures, warnings } = await toGenerateContent(request, this.#target)
    return await this.#calls.call(
      async (endpoint, fetch) => {
        const client = createGoogleClient(this.#addressOf(endpoint), endpoint, fetch)
        const answer = await client.models.generateContent(call)
        const pictures = readGeneratedPictures(answer, endpoint)
        return { pictures: pictures.slice(0, request.numImages), warnings, usage: readGeminiUsage(answer, this.modelId) }
      },
      context,
      enclosures,
    )
  }

  /** The SDK offers Imagen on Vertex only; the developer API answers the same call. */
  async #predict(request: ImageRequest, context: CallContext): Promise<Drawn> {
    const { body, warnings } = toPredict(request, this.#target)
    return await this.#calls.call(async (endpoint, fetch) => {
      const response = await fetch(this.#predictUrl(endpoint), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(endpoint.apiKey && { 'x-goog-api-key': endpoint.apiKey }) },
        body: JSON.stringify(body),
      })
      const answer = response.ok ? asObject(await response.json()) : undefined
      if (!answer) throw unreadableAnswer(endpoint)
      const pictures = readPredictions(answer, endpoint)
      const price = pricePicture(this.modelId, request)
      return {
        pictures,
        warnings: [...warnings, ...warnOfMissing(pictures.length, request.numImages, endpoint)],
        usage: price === undefined ? undefined : { costUsd: price * pictures.length },
      }
    }, context)
  }

  #predictUrl(endpoint: Endpoint): string {
    const { baseUrl, apiVersion } = this.#addressOf(endpoint)
    const name = this.modelId.replace(/^models\//, '')
    return [baseUrl, apiVersion, `models/${encodeURIComponent(name)}:predict`].filter((part) => part !== '').join('/')
  }

  #addressOf({ baseUrl }: Endpoint): GoogleAddress {
    return splitVersion(baseUrl, this.#apiVersion)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls[Symbol.asyncDispose]()
  }
}

/** Opens the backend. Sends nothing yet. */
export async function openGoogleBackend(settings: BackendSettings): Promise<ImageBackend> {
  return new GoogleBackend(settings)
}
