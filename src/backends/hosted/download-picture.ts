import { DiffgentorError } from '../../errors.ts'
import { createFetcher } from '../../fetching/fetcher.ts'
import type { Endpoint } from './endpoint.ts'
import type { Transport } from './transport.ts'

const ATTEMPTS = 3

/** A finished picture that an answer only points to. */
export interface Download {
  url: URL
  endpoint: Endpoint
  timeoutMs: number
  signal: AbortSignal
}

/** For addresses outside of the API's own host. */
const guardedFetcher = createFetcher()

/**
 * Fetches a finished picture, without any key: from the API's own host directly, from elsewhere under the guard for addresses
 * that others wrote. The picture is paid for, so a failure is tried again, and is `upstream_ambiguous` in the end.
 */
export async function downloadPicture(download: Download, transport: Transport): Promise<Uint8Array> {
  const isOwn = download.url.origin === new URL(download.endpoint.baseUrl).origin
  let last: unknown
  for (let attempt = 0; attempt < ATTEMPTS && !download.signal.aborted; attempt++) {
    try {
      return await (isOwn ? fetchOwn(download, transport) : fetchForeign(download))
    } catch (thrown) {
      last = thrown
    }
  }
  const message = `${download.endpoint.name} made the picture, but it cannot be fetched from the address it gave: it may have been billed.`
  throw new DiffgentorError('upstream_ambiguous', message, { cause: last })
}

async function fetchOwn({ url, endpoint, timeoutMs, signal }: Download, transport: Transport): Promise<Uint8Array> {
  const exchange = transport.open(url.href, { name: endpoint.name, timeoutMs, signal })
  const { ok, status } = await exchange.fetch(url)
  if (!ok) throw new DiffgentorError('upstream_unavailable', `${endpoint.name} answered with status ${status}.`)
  return exchange.answer!.body
}

function fetchForeign({ url, signal }: Download): Promise<Uint8Array> {
  return guardedFetcher.fetchPicture(url.href, signal)
}
