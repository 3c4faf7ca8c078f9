import { LARGE_JSON, parseLargeJson } from '../../event-loop/parse-large-json.ts'
import type { Answer } from './exchange.ts'

const OPENING_BRACE = 0x7b

/**
 * An answer as SDKs want it from `fetch`. Of a large one, `json` is parsed in a thread: its pictures come as `Uint8Array` in place of
 * base64 text, and the answer's bytes are moved away by it.
 */
export function toResponse({ status, headers, body }: Answer): Response {
  const isLarge = status >= 200 && status < 300 && body.length >= LARGE_JSON && body[0] === OPENING_BRACE
  const text = async () => new TextDecoder().decode(body)
  const json = async (): Promise<unknown> => (isLarge ? await parseLargeJson(body) : JSON.parse(await text()))
  // The bytes stay out of the response's own body, which would copy them.
  return Object.assign(new Response(null, { status, headers: isLarge ? markAsJson(headers) : headers }), { text, json })
}

/** SDKs ask for the text where a server tells no type, and would parse it themselves. */
function markAsJson(headers: Headers): Headers {
  const marked = new Headers(headers)
  marked.set('content-type', 'application/json')
  return marked
}
