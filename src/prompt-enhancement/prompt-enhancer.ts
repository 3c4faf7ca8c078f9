import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type OpenAI from 'openai'
import { readCallLimits } from '../backends/hosted/call-limits.ts'
import { Enclosures } from '../backends/hosted/enclosures.ts'
import { HostedCalls } from '../backends/hosted/hosted-calls.ts'
import { readEndpoints } from '../backends/hosted/hosted-endpoints.ts'
import { createOpenAIClient } from '../backends/openai/openai-client.ts'
import { readOpenAIError } from '../backends/openai/openai-errors.ts'
import type { BatchSettings } from '../config/settings.ts'
import type { ImageRequest } from '../contract/index.ts'
import { toDiffgentorError } from '../errors.ts'
import { toChatPicture } from './chat-picture.ts'
import { readPrompt } from './read-answer.ts'
import { type EnhancementType, TEMPLATES } from './templates.ts'

const OPENAI_URL = 'https://api.openai.com/v1'
const ATTEMPTS = 3

/** The settings that enhancement reads. */
export type EnhancerSettings = Pick<
  BatchSettings,
  | 'promptEnhanceType'
  | 'promptEnhancerApiKey'
  | 'promptEnhancerApiBase'
  | 'promptEnhancerModel'
  | 'promptEnhancerTemperature'
  | 'promptEnhancerDebug'
  | 'promptEnhancerDebugDir'
  | 'openaiApiKey'
  | 'openaiBaseUrl'
  | 'maxGlobalWorkers'
  | 'retryDelay'
  | 'timeout'
  | 'logDir'
  | 'outputDir'
>

/** Rewrites prompts with a chat model behind an OpenAI-compatible endpoint. */
export class PromptEnhancer implements AsyncDisposable {
  readonly #type: EnhancementType
  readonly #settings: EnhancerSettings
  readonly #calls: HostedCalls
  #exchanges = 0

  constructor(type: EnhancementType, settings: EnhancerSettings) {
    this.#type = type
    this.#settings = settings
    this.#calls = new HostedCalls({
      endpoints: readEndpoints({
        keyVariable: 'DG_PROMPT_ENHANCER_API_KEY',
        poolPrefix: 'DG_PROMPT_ENHANCER',
        defaultBaseUrl: OPENAI_URL,
        baseUrl: settings.promptEnhancerApiBase,
        apiKey: settings.promptEnhancerApiKey ?? sharedKey(settings),
      }),
      ...readCallLimits(settings),
      readError: readOpenAIError,
    })
  }

  /**
   * The prompt to draw from instead; source pictures are shown to the chat model. Tries passing faults again. Throws when it
   * cannot, so that the caller can go on with the original and say so.
   */
  readonly enhance = async (request: ImageRequest, signal: AbortSignal): Promise<string> => {
    const enclosures = new Enclosures()
    const messages = await this.#write(request, enclosures)
    for (let attempt = 1; ; attempt++) {
      try {
        const prompt = readPrompt(await this.#ask(messages, enclosures, signal))
        await this.#record(request, { prompt })
        return prompt
      } catch (thrown) {
        const error = toDiffgentorError(thrown)
        if (!error.traits.retryable || attempt === ATTEMPTS || signal.aborted) {
          await this.#record(request, { error: error.message })
          throw error
        }
        await wait(error.retryAfterMs ?? (this.#settings.retryDelay ?? 1) * 1000 * attempt, undefined, { signal })
      }
    }
  }

  async #write({ prompt, edit }: ImageRequest, enclosures: Enclosures): Promise<OpenAI.Chat.ChatCompletionMessageParam[]> {
    const pictures = await Promise.all((edit?.images ?? []).map((image) => toChatPicture(image, enclosures)))
    const shown = pictures.map((url) => ({ type: 'image_url', image_url: { url } }) as const)
    return [
      { role: 'system', content: TEMPLATES[this.#type] },
      { role: 'user', content: shown.length === 0 ? prompt : [...shown, { type: 'text', text: prompt }] },
    ]
  }

  #ask(
    messages: OpenAI.Chat.ChatCompletionMessageParam[],
    enclosures: Enclosures,
    signal: AbortSignal,
  ): Promise<OpenAI.Chat.ChatCompletion> {
    const { promptEnhancerModel: model, promptEnhancerTemperature: temperature } = this.#settings
    return this.#calls.call(
      async (endpoint, fetch) => {
        const { chat } = createOpenAIClient(endpoint, fetch, readCallLimits(this.#settings).timeoutMs)
        return await chat.completions.create({ model, temperature, messages })
      },
      { signal },
      enclosures,
    )
  }

  /** Writes an exchange into the debug folder, pictures by their size only. */
  async #record({ prompt, edit }: ImageRequest, outcome: { prompt: string } | { error: string }): Promise<void> {
    const { promptEnhancerDebug, promptEnhancerDebugDir, promptEnhancerModel, logDir, outputDir } = this.#settings
    if (!promptEnhancerDebug) return
    const folder = promptEnhancerDebugDir ?? join(logDir ?? join(outputDir, 'logs'), 'prompt-enhancement')
    await mkdir(folder, { recursive: true })
    const pictures = (edit?.images ?? []).map(({ length }) => `${length} bytes`)
    const record = { type: this.#type, model: promptEnhancerModel, original: prompt, pictures, ...outcome }
    const name = `${process.pid}-${String(++this.#exchanges).padStart(6, '0')}.json`
    await writeFile(join(folder, name), `${JSON.stringify(record, undefined, 2)}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls[Symbol.asyncDispose]()
  }
}

/** OpenAI's own key serves the chat endpoint only while both are OpenAI's own. */
function sharedKey({ promptEnhancerApiBase, openaiBaseUrl, openaiApiKey }: EnhancerSettings): string | undefined {
  return promptEnhancerApiBase === undefined && openaiBaseUrl === undefined ? openaiApiKey : undefined
}

/** Opens the enhancer that the settings ask for; undefined when they ask for none. A missing key is an `invalid_configuration` error. */
export function createPromptEnhancer(settings: EnhancerSettings): PromptEnhancer | undefined {
  const { promptEnhanceType } = settings
  return promptEnhanceType === undefined ? undefined : new PromptEnhancer(promptEnhanceType, settings)
}
