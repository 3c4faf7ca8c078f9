import { DiffgentorError } from '../../errors.ts'
import type { Endpoint } from './endpoint.ts'

/** Where a provider is, and with which keys. */
export interface EndpointSettings {
  /** Variable of the one key, for messages. */
  keyVariable: string
  /** What the variables of a pool begin with, for messages: `DG_OPENAI`. */
  poolPrefix: string
  /** Only here a key is indispensable. */
  defaultBaseUrl: string
  baseUrl?: string | undefined
  apiKey?: string | undefined
  endpoints?: readonly string[] | undefined
  apiKeys?: readonly string[] | undefined
  /** Requests a minute of each endpoint. */
  rateLimits?: readonly number[] | undefined
  /** Requests a minute of an endpoint without its own limit. */
  rateLimit?: number | undefined
  weights?: readonly number[] | undefined
}

/**
 * Pairs addresses with keys: equal counts pair up in order, one key serves all. Without a list of endpoints, several keys
 * take turns at the one address. Anything else is an `invalid_configuration` error.
 */
export function readEndpoints(settings: EndpointSettings): Endpoint[] {
  const { poolPrefix: prefix, keyVariable } = settings
  const keys = settings.apiKeys?.length ? settings.apiKeys : settings.apiKey ? [settings.apiKey] : []
  const listed = settings.endpoints?.length ? settings.endpoints : undefined
  const addresses = listed ?? Array<string>(Math.max(1, keys.length)).fill(settings.baseUrl ?? settings.defaultBaseUrl)
  if (keys.length > 1 && keys.length !== addresses.length) {
    throw invalid(
      `${prefix}_API_KEYS must hold one key for all or as many as ${prefix}_ENDPOINTS, got ${keys.length} keys for ${addresses.length} endpoint(s).`,
    )
  }
  // Anything else cannot stand in a header, and the error for that would quote it.
  if (keys.some((key) => !/^[\x21-\x7e]+$/.test(key))) {
    throw invalid(`A key for ${keyVariable} or ${prefix}_API_KEYS must be of plain characters without blanks; copy it again.`)
  }
  const urls = addresses.map((address) => checkAddress(address, keyVariable))
  const weights = spread(settings.weights, addresses.length, `${prefix}_WEIGHTS`)
  const limits = spread(settings.rateLimits, addresses.length, `${prefix}_RATE_LIMITS`)
  return urls.map((url, place): Endpoint => {
    const apiKey = keys.length > 1 ? keys[place] : keys[0]
    if (apiKey === undefined && url.href.startsWith(settings.defaultBaseUrl)) throw missingKey(keyVariable, url)
    const isShared = urls.filter(({ host }) => host === url.host).length > 1
    return {
      name: isShared ? `${url.host} #${place + 1}` : url.host,
      baseUrl: url.href.replace(/\/+$/, ''),
      apiKey,
      weight: weights?.[place] ?? 1,
      requestsPerMinute: limits?.[place] ?? settings.rateLimit,
    }
  })
}

/** One number for each endpoint, or one for all. */
function spread(numbers: readonly number[] | undefined, count: number, variable: string): readonly number[] | undefined {
  if (!numbers?.length) return undefined
  if (numbers.length !== 1 && numbers.length !== count) {
    throw invalid(`${variable} must hold one number for all or one for each of the ${count} endpoint(s), got ${numbers.length}.`)
  }
  const bad = numbers.find((number) => !(number > 0))
  if (bad !== undefined) throw invalid(`${variable} must hold numbers above 0, got ${bad}.`)
  return numbers.length === 1 ? Array<number>(count).fill(numbers[0]!) : numbers
}

function checkAddress(address: string, keyVariable: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url?.username || url?.password || url?.search) {
    throw invalid(`The address of an endpoint must not carry a name, password or query; give the key in ${keyVariable} instead.`)
  }
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw invalid(`An endpoint must be an address such as https://host/v1, got ${JSON.stringify(address)}.`)
  }
  return url
}

function missingKey(keyVariable: string, { host }: URL): DiffgentorError {
  return invalid(`There is no key for ${host}; set ${keyVariable}.`)
}

function invalid(message: string): DiffgentorError {
  return new DiffgentorError('invalid_configuration', message)
}
