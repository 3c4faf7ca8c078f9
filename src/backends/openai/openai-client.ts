import OpenAI from 'openai'
import type { Endpoint } from '../hosted/endpoint.ts'

export interface OpenAIAccount {
  organization: string | undefined
  project: string | undefined
}

/** The SDK for one call: it never repeats a request, logs nothing, and sends through the `fetch` that it is given. */
export function createOpenAIClient(
  { baseUrl, apiKey }: Endpoint,
  fetch: typeof globalThis.fetch,
  timeoutMs: number,
  { organization, project }: OpenAIAccount = { organization: undefined, project: undefined },
): OpenAI {
  return new OpenAI({
    baseURL: baseUrl,
    // The SDK wants some key; where there is none, the header is taken out again.
    apiKey: apiKey ?? 'none',
    ...(apiKey === undefined && { defaultHeaders: { Authorization: null } }),
    organization: organization ?? null,
    project: project ?? null,
    fetch,
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: 'off',
  })
}
