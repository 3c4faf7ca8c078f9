import type OpenAI from 'openai'
import { readCallLimits } from '../backends/hosted/call-limits.ts'
import { HostedCalls } from '../backends/hosted/hosted-calls.ts'
import { readEndpoints } from '../backends/hosted/hosted-endpoints.ts'
import { createOpenAIClient } from '../backends/openai/openai-client.ts'
import { readOpenAIError } from '../backends/openai/openai-errors.ts'
import type { BatchSettings } from '../config/settings.ts'

/** The settings that say where the chat model is. */
export type ChatSettings = Pick<
  BatchSettings,
  | 'promptEnhancerApiKey'
  | 'promptEnhancerApiBase'
  | 'promptEnhancerModel'
  | 'promptEnhancerTemperature'
  | 'maxGlobalWorkers'
  | 'timeout'
>

/** One question to a chat model. */
export interface ChatQuestion {
  /** Who the model is to be; absent: itself. */
  role?: string | undefined
  text: string
}

/** A chat model behind the endpoint that the settings name. */
export class ChatModel implements AsyncDisposable {
  readonly #settings: ChatSettings
  readonly #calls: HostedCalls

  private constructor(settings: ChatSettings, baseUrl: string) {
    this.#settings = settings
    this.#calls = new HostedCalls({
      endpoints: readEndpoints({
        keyVariable: 'DG_PROMPT_ENHANCER_API_KEY',
        poolPrefix: 'DG_PROMPT_ENHANCER',
        defaultBaseUrl: 'https://api.openai.com/v1',
        baseUrl,
        apiKey: settings.promptEnhancerApiKey,
      }),
      ...readCallLimits(settings),
      readError: readOpenAIError,
    })
  }

  /** Undefined while the settings name no address. */
  static open(settings: ChatSettings): ChatModel | undefined {
    const { promptEnhancerApiBase } = settings
    return promptEnhancerApiBase === undefined ? undefined : new ChatModel(settings, promptEnhancerApiBase)
  }

  /** The model's answer; empty when it has none. */
  async ask({ role, text }: ChatQuestion, signal: AbortSignal): Promise<string> {
    const { promptEnhancerModel: model, promptEnhancerTemperature: temperature } = this.#settings
    const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'user', content: text }]
    if (role) messages.unshift({ role: 'system', content: role })
    const answer = await this.#calls.call(
      async (endpoint, fetch) => {
        const { chat } = createOpenAIClient(endpoint, fetch, readCallLimits(this.#settings).timeoutMs)
        return await chat.completions.create({ model, temperature, messages })
      },
      { signal },
    )
    return answer.choices[0]?.message.content ?? ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#calls[Symbol.asyncDispose]()
  }
}
