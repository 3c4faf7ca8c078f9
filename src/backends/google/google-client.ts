import { GoogleGenAI } from '@google/genai'
import type { Endpoint } from '../hosted/endpoint.ts'

/** Where an endpoint's methods are: an address and the version segment that follows it. */
export interface GoogleAddress {
  baseUrl: string
  /** Empty: no such segment. */
  apiVersion: string
}

const DEFAULT_VERSION = 'v1beta'

/** Takes a version out of the end of an address, so that it never stands there twice. A version that is set outranks it. */
export function splitVersion(address: string, version: string | undefined): GoogleAddress {
  const [, baseUrl, ending] = /^(.*?)(?:\/(v1(?:alpha|beta)?\d*))?$/.exec(address) ?? []
  return { baseUrl: baseUrl ?? address, apiVersion: version ?? ending ?? DEFAULT_VERSION }
}

/** The SDK for one call: it never repeats a request, and sends through the `fetch` that it is given. */
export function createGoogleClient(
  { baseUrl, apiVersion }: GoogleAddress,
  { apiKey }: Endpoint,
  fetch: typeof globalThis.fetch,
): GoogleGenAI {
  // Without a key, the SDK would look for one in the environment.
  return new GoogleGenAI({ apiKey: apiKey ?? 'none', vertexai: false, httpOptions: { baseUrl, apiVersion, fetch } })
}
