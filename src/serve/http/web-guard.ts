import { isIP } from 'node:net'
import { DiffgentorError } from '../../errors.ts'
import type { RouteSpec } from './route-book.ts'
import type { ServerContext } from './server-env.ts'

export interface WebGuardOptions {
  /** Keys are set: a web page cannot know them, so host names and foreign pages need no further check. */
  hasKeys: boolean
  /** The address that the server listens on. */
  host: string
  /** Origins that may call, `*` for any; absent: loopback without keys, any with keys. */
  corsOrigins?: readonly string[] | undefined
  /** Host names answered besides loopback and the bound address; `*` for any. */
  allowedHosts?: readonly string[] | undefined
}

const ALLOWED_METHODS = 'GET,HEAD,POST,PUT,PATCH,DELETE'
const EXPOSED_HEADERS =
  'x-request-id, retry-after, content-disposition, content-range, openai-poll-after-ms, x-should-retry, retry-after-ms, x-seed, x-diffgentor-warnings'
const DEFAULT_REQUEST_HEADERS = 'authorization, content-type, x-api-key, x-goog-api-key, api-key, x-request-id'

/** Keeps web pages that the operator does not know away from a server without keys. */
export class WebGuard {
  readonly #options: WebGuardOptions

  constructor(options: WebGuardOptions) {
    this.#options = options
  }

  /** Headers that let an allowed page read the answer. */
  corsHeaders(c: ServerContext): Record<string, string> {
    const origin = c.req.header('origin')
    if (this.#allowsAnyOrigin()) return { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED_HEADERS }
    if (origin === undefined || !this.#allowsOrigin(origin)) return { vary: 'origin' }
    return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED_HEADERS, vary: 'origin' }
  }

  /** The answer to a preflight, before any key is asked for. */
  preflightHeaders(c: ServerContext): Record<string, string> {
    return {
      ...this.corsHeaders(c),
      'access-control-allow-methods': ALLOWED_METHODS,
      'access-control-allow-headers': c.req.header('access-control-request-headers') ?? DEFAULT_REQUEST_HEADERS,
      'access-control-max-age': '600',
    }
  }

  /** Throws for a host name that is not ours: a foreign name that was made to point here (DNS rebinding). */
  checkHost(c: ServerContext): void {
    if (this.#options.hasKeys) return
    const host = c.req.header('host')
    if (host === undefined || this.#allowsHost(hostName(host))) return
    throw new DiffgentorError(
      'forbidden',
      `The host name "${hostName(host)}" is not answered while no key is set; start the server with --allowed_host ${hostName(host)} or with --api_key.`,
    )
  }

  /** Throws for a request of a foreign web page that browsers send without asking first. */
  checkOrigin(c: ServerContext, route: RouteSpec): void {
    if (this.#options.hasKeys || !changesState(c, route) || needsPreflight(c)) return
    const origin = c.req.header('origin')
    const isForeign = origin === undefined ? c.req.header('sec-fetch-site') === 'cross-site' : !this.#allowsOrigin(origin)
    if (!isForeign) return
    throw new DiffgentorError(
      'forbidden',
      'Web pages of other origins may not call this server while no key is set; start it with --cors_origin ORIGIN.',
    )
  }

  #allowsAnyOrigin(): boolean {
    const { corsOrigins, hasKeys } = this.#options
    return corsOrigins === undefined ? hasKeys : corsOrigins.includes('*')
  }

  #allowsOrigin(origin: string): boolean {
    const { corsOrigins } = this.#options
    if (this.#allowsAnyOrigin()) return true
    if (corsOrigins?.some((known) => known.replace(/\/$/, '').toLowerCase() === origin.toLowerCase())) return true
    if (corsOrigins !== undefined) return false
    return URL.canParse(origin) && isLoopback(hostName(new URL(origin).host))
  }

  #allowsHost(name: string): boolean {
    const { allowedHosts = [], host } = this.#options
    if (isLoopback(name) || name === host.toLowerCase()) return true
    if (allowedHosts.some((known) => known === '*' || known.toLowerCase() === name)) return true
    // An address cannot be rebound; a server that listens on all of them answers to each.
    return isWildcard(host) && isIP(name) !== 0
  }
}

/** `[::1]:8000` → `::1`, `Example:80` → `example`. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(host)
  return (bracketed?.[1] ?? host.replace(/:\d*$/, '')).toLowerCase()
}

/** `localhost`, `*.localhost`, 127.0.0.0/8 and `::1`. */
export function isLoopback(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function changesState(c: ServerContext, route: RouteSpec): boolean {
  return (c.req.method !== 'GET' && c.req.method !== 'HEAD') || route.changesState === true
}

/** Whether a browser would have asked before sending this from another origin. */
function needsPreflight(c: ServerContext): boolean {
  if (!['GET', 'HEAD', 'POST'].includes(c.req.method)) return true
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  const isSimple =
    type === undefined || ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain', ''].includes(type)
  return !isSimple
}
