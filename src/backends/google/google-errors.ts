import type { DiffgentorError, ErrorCode } from '../../errors.ts'
import type { Endpoint } from '../hosted/endpoint.ts'
import type { Answer } from '../hosted/exchange.ts'
import { asObject, readJsonObject } from '../hosted/read-json.ts'
import { readDuration } from '../hosted/retry-after.ts'
import { type Complaint, toUpstreamError } from '../hosted/upstream-error.ts'

/** Reads the error out of an answer of one of Google's APIs. */
export function readGoogleError(endpoint: Endpoint, answer: Answer): DiffgentorError {
  return toUpstreamError(endpoint, answer, readComplaint(answer))
}

function readComplaint({ body }: Answer): Complaint {
  const error = asObject(readJsonObject(body)?.['error'])
  if (!error) return { message: '' }
  const listed = error['details']
  const details = Array.isArray(listed) ? listed.map(asObject).filter((detail) => detail !== undefined) : []
  const retry = details.map((detail) => readDuration(detail['retryDelay'])).find((delay) => delay !== undefined)
  const message = typeof error['message'] === 'string' ? error['message'] : ''
  return { message, code: readCode(details), retryAfterMs: retry }
}

/** What the details tell more exactly than the status. */
function readCode(details: readonly Record<string, unknown>[]): ErrorCode | undefined {
  // An invalid key is answered with status 400.
  if (details.some(({ reason }) => reason === 'API_KEY_INVALID')) return 'upstream_authentication'
  const violations = details.flatMap(({ violations: listed }) => (Array.isArray(listed) ? listed.map(asObject) : []))
  const isDaily = violations.some((violation) => /PerDay/i.test(`${violation?.['quotaId']}${violation?.['quotaMetric']}`))
  return isDaily ? 'upstream_quota' : undefined
}
