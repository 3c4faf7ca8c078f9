import { joinPieces } from '../../event-loop/join-pieces.ts'
import { LARGE_JSON, parseLargeJson } from '../../event-loop/parse-large-json.ts'
import type { Answer, Received } from './exchange.ts'

const OPENING_BRACE = 0x7b

/** An answer as SDKs want it from `fetch`. */
export function toResponse({ status, headers, body }: Answer): Response {
  const text = async () => new TextDecoder().decode(body)
  return makeResponse(status, headers, text, async () => JSON.parse(await text()))
}

/** Whether an answer is a JSON object that would take long to parse. */
export function isLargeJson({ status, pieces }: Received): boolean {
  if (status < 200 || status >= 300 || pieces[0]?.[0] !== OPENING_BRACE) return false
  return pieces.reduce((sum, piece) => sum + piece.length, 0) >= LARGE_JSON
}

/**
 * A large JSON answer. `json` is parsed in a thread, once: its pictures come as `Uint8Array` in place of base64 text, and the answer's
 * bytes are moved away by it.
 */
export function toJsonResponse({ status, headers, pieces }: Received): Response {
  const marked = new Headers(headers)
  // SDKs ask for the text where a server tells no type, and would parse it themselves.
  marked.set('content-type', 'application/json')
  const text = async () => new TextDecoder().decode(await joinPieces(pieces))
  return makeResponse(status, marked, text, async () => await parseLargeJson(pieces))
}

/** The bytes stay out of the response's own body, which would copy them. */
function makeResponse(status: number, headers: Headers, text: () => Promise<string>, json: () => Promise<unknown>): Response {
  return Object.assign(new Response(null, { status, headers }), { text, json })
}
