import { openOpenAIBackend } from '../../../src/backends/openai/openai-backend.ts'
import { type BackendSettings, SHARED_SETTINGS, withDefaults } from '../../../src/config/settings.ts'
import type { ImageBackend } from '../../../src/contract/index.ts'
import type { Reply } from './fake-upstream.ts'

/** A key as the tests use it: nothing that is shown may hold it. */
export const SECRET = 'sk-test-0123456789abcdefSECRET'

/** An answer of the images API with so many pictures. */
export function picturesReply(base64: string, count = 1, more: Record<string, unknown> = {}): Reply {
  return { json: { created: 1_700_000_000, data: Array.from({ length: count }, () => ({ b64_json: base64 })), ...more } }
}

/** An error in the shape of the images API. */
export function errorReply(status: number, error: Record<string, unknown>, headers: Record<string, string> = {}): Reply {
  return { status, headers, json: { error: { message: 'Something is wrong.', type: null, param: null, code: null, ...error } } }
}

/** The openai backend against one upstream. */
export function openAgainst(url: string, settings: Partial<BackendSettings> = {}): Promise<ImageBackend> {
  const values = { backend: 'openai', modelName: 'gpt-image-1', openaiBaseUrl: `${url}/v1`, openaiApiKey: SECRET, ...settings }
  return openOpenAIBackend(withDefaults(SHARED_SETTINGS, values))
}
