import { DiffgentorError, type ErrorCode } from '../../errors.ts'
import type { Endpoint } from './endpoint.ts'
import type { Answer } from './exchange.ts'
import { redact } from './redact.ts'
import { readRetryAfter } from './retry-after.ts'

/** What a provider's error body says, in its own words. */
export interface Complaint {
  message: string
  /** Known to mean something other than the status says. */
  code?: ErrorCode | undefined
  retryAfterMs?: number | undefined
}

/** Builds the error for an answer that is none of the 2xx. The provider's words are quoted without keys. */
export function toUpstreamError(endpoint: Endpoint, answer: Answer, complaint: Complaint): DiffgentorError {
  const code = complaint.code ?? codeOfStatus(answer)
  const words = redact(complaint.message, [endpoint.apiKey]).replace(/\.$/, '')
  const quoted = words === '' ? '' : `: ${words}`
  const retryAfterMs = complaint.retryAfterMs ?? readRetryAfter(answer.headers, Date.now())
  const message = `${endpoint.name} ${describe(code)} (status ${answer.status})${quoted}${advise(code)}.`
  return new DiffgentorError(code, message, { retryAfterMs })
}

function codeOfStatus({ status, headers }: Answer): ErrorCode {
  if (status === 401 || status === 403) return 'upstream_authentication'
  if (status === 402) return 'upstream_quota'
  if (status === 404) return 'upstream_model_not_found'
  if (status === 429) return 'upstream_rate_limit'
  const mayPass = status >= 500 || status === 408 || status === 409 || status === 425
  if (mayPass && headers.get('x-should-retry') !== 'false') return 'upstream_unavailable'
  return status >= 400 && status < 500 ? 'upstream_rejected' : 'upstream_failed'
}

function describe(code: ErrorCode): string {
  switch (code) {
    case 'upstream_authentication':
      return 'does not accept the key'
    case 'upstream_quota':
      return 'has no quota left for this key'
    case 'upstream_rate_limit':
      return 'asks for fewer requests'
    case 'upstream_unavailable':
      return 'cannot answer now'
    case 'upstream_model_not_found':
      return 'does not know the model or the path'
    case 'content_policy':
      return 'refused the content'
    case 'upstream_failed':
      return 'failed'
    default:
      return 'rejected the request'
  }
}

function advise(code: ErrorCode): string {
  if (code === 'upstream_authentication') return '; check the key and what it may use'
  if (code === 'upstream_model_not_found') return '; check --model_name and the base URL'
  return ''
}
