import { DiffgentorError } from '../errors.ts'

/** An address for messages: without credentials, and without the query and fragment that may hold tokens. */
export function describeUrl(url: URL): string {
  const address = `${url.protocol}//${url.host}${url.pathname}`
  return address.length > 200 ? `${address.slice(0, 200)}…` : address
}

/** Network faults may pass; a certificate that is not accepted stays so. */
export function toFetchError(error: Error, url: URL): Error {
  if (error instanceof DiffgentorError || error.name === 'AbortError') return error
  const code = (error as NodeJS.ErrnoException).code ?? error.message
  const isLasting = /CERT|SIGNATURE|ERR_TLS|ERR_INVALID|ERR_UNESCAPED|URI/.test(code)
  const kind = isLasting ? 'fetch_refused' : 'fetch_failed'
  return new DiffgentorError(kind, `${describeUrl(url)} cannot be fetched (${code}).`, { cause: error })
}
