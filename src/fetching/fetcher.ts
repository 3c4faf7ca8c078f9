import { DiffgentorError } from '../errors.ts'
import { sniffFormat } from '../images/sniff-format.ts'
import { AddressGuard, type ResolveHost } from './address-guard.ts'
import { describeUrl } from './fetch-errors.ts'
import { PictureCache } from './picture-cache.ts'
import { createAgents, type RequestLimits, requestPicture } from './request-picture.ts'

/** Fetches pictures from addresses that others wrote. */
export interface Fetcher {
  /** The bytes behind an http or https URL. Refusals, time-outs and what is no picture reject with one sentence, without credentials. */
  fetchPicture(url: string, signal: AbortSignal): Promise<Uint8Array>
}

export interface FetcherOptions {
  /** Keeps what was fetched. Default: nothing is kept. */
  cacheFolder?: string | undefined
  /** Bytes that kept pictures may take together. Default: no limit. */
  cacheLimitBytes?: number | undefined
  /** Connects to private, loopback and link-local addresses too. Default false. */
  allowPrivate?: boolean | undefined
  /** Bytes of one picture. Default 50 MB. */
  maxBytes?: number | undefined
  /** Milliseconds for one picture, redirects and body included. Default 60 s. */
  timeoutMs?: number | undefined
  /** Default 5. */
  maxRedirects?: number | undefined
  /** How names become addresses. Default: the system's resolver. */
  resolve?: ResolveHost | undefined
}

/** Makes a fetcher with limits of its own. */
export function createFetcher(options: FetcherOptions = {}): Fetcher {
  const {
    cacheFolder,
    cacheLimitBytes,
    allowPrivate = false,
    maxBytes = 50_000_000,
    timeoutMs = 60_000,
    maxRedirects = 5,
    resolve,
  } = options
  const limits: RequestLimits = { guard: new AddressGuard(allowPrivate, resolve), agents: createAgents(), maxBytes, maxRedirects }
  const cache = cacheFolder === undefined ? undefined : new PictureCache(cacheFolder, cacheLimitBytes)
  return {
    async fetchPicture(url, signal) {
      signal.throwIfAborted()
      const kept = await cache?.read(url)
      if (kept && sniffFormat(kept)) return kept
      const bytes = await withDeadline(timeoutMs, signal, url, (both) => requestPicture(url, limits, both))
      if (!sniffFormat(bytes))
        throw new DiffgentorError('unreadable_image', `${nameUrl(url)} holds no picture that is known here.`)
      await cache?.write(url, bytes)
      return bytes
    },
  }
}

/** Runs with a signal that fires at the caller's wish or when the time is over, and tells which of the two it was. */
async function withDeadline<T>(
  timeoutMs: number,
  signal: AbortSignal,
  url: string,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const stop = () => controller.abort()
  const timer = setTimeout(stop, timeoutMs)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await run(controller.signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!controller.signal.aborted) throw error
    const sentence = `${nameUrl(url)} was not fetched within ${timeoutMs / 1000} s.`
    throw new DiffgentorError('fetch_failed', sentence, { cause: error })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function nameUrl(url: string): string {
  return URL.canParse(url) ? describeUrl(new URL(url)) : 'The address'
}
