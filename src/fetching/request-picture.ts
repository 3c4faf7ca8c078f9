import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { DiffgentorError } from '../errors.ts'
import type { AddressGuard } from './address-guard.ts'
import { describeUrl, toFetchError } from './fetch-errors.ts'
import { readBody } from './read-body.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const HEADERS = { accept: 'image/*,*/*;q=0.5', 'accept-encoding': 'identity', 'user-agent': 'diffgentor' }

/** Sockets are kept for the next picture from the same host; proxies from the environment are not followed, since they would connect in our place. */
export interface Agents {
  http: HttpAgent
  https: HttpsAgent
}

export function createAgents(): Agents {
  return { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) }
}

export interface RequestLimits {
  guard: AddressGuard
  agents: Agents
  maxBytes: number
  maxRedirects: number
}

/** Follows redirects, judging every stop like the first one, and reads the body. */
export async function requestPicture(address: string, limits: RequestLimits, signal: AbortSignal): Promise<Uint8Array> {
  let url = parseUrl(address)
  for (let hops = 0; hops <= limits.maxRedirects; hops += 1) {
    const response = await send(url, limits, signal)
    const status = response.statusCode ?? 0
    const { location } = response.headers
    if (status === 200) return readBody(response, url, limits.maxBytes)
    response.destroy()
    if (!REDIRECTS.has(status) || location === undefined) throw refuseStatus(url, response)
    url = parseUrl(location, url)
  }
  throw new DiffgentorError(
    'fetch_refused',
    `${describeUrl(url)} is the ${limits.maxRedirects + 1}th redirect; at most ${limits.maxRedirects} are followed.`,
  )
}

function parseUrl(address: string, base?: URL): URL {
  const url = URL.canParse(address, base?.href) ? new URL(address, base) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  const got = url ? `got ${url.protocol}` : 'and this is not one'
  throw new DiffgentorError('fetch_refused', `Pictures are fetched from http and https addresses, ${got}.`)
}

function send(url: URL, { guard, agents }: RequestLimits, signal: AbortSignal): Promise<IncomingMessage> {
  guard.checkHost(url.hostname)
  const isSecure = url.protocol === 'https:'
  const options = { lookup: guard.lookup, agent: isSecure ? agents.https : agents.http, headers: HEADERS, signal }
  return new Promise<IncomingMessage>((resolve, reject) => {
    const request = isSecure ? requestHttps(url, options) : requestHttp(url, options)
    request.on('response', resolve)
    request.on('error', reject)
    request.end()
  }).catch((error: Error) => {
    throw toFetchError(error, url)
  })
}

function refuseStatus(url: URL, response: IncomingMessage): DiffgentorError {
  const status = response.statusCode ?? 0
  const sentence = `${describeUrl(url)} answers with status ${status} instead of a picture.`
  const isTransient = status === 408 || status === 425 || status === 429 || status >= 500
  if (!isTransient) return new DiffgentorError('fetch_refused', sentence)
  const seconds = Number(response.headers['retry-after'])
  return new DiffgentorError('fetch_failed', sentence, { retryAfterMs: seconds > 0 ? seconds * 1000 : undefined })
}
