import type { DiffgentorError, ErrorCode } from '../../errors.ts'
import type { Endpoint } from '../hosted/endpoint.ts'
import type { Answer } from '../hosted/exchange.ts'
import { asObject, readJsonObject } from '../hosted/read-json.ts'
import { type Complaint, toUpstreamError } from '../hosted/upstream-error.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  insufficient_quota: 'upstream_quota',
  billing_hard_limit_reached: 'upstream_quota',
  billing_not_active: 'upstream_quota',
  moderation_blocked: 'content_policy',
  content_policy_violation: 'content_policy',
  invalid_api_key: 'upstream_authentication',
  model_not_found: 'upstream_model_not_found',
}

/** Reads the error out of an answer of OpenAI or of a server that speaks its API. */
export function readOpenAIError(endpoint: Endpoint, answer: Answer): DiffgentorError {
  return toUpstreamError(endpoint, answer, readComplaint(answer))
}

function readComplaint({ body, headers }: Answer): Complaint {
  const json = readJsonObject(body)
  if (!json) return { message: headers.get('content-type')?.includes('html') ? '' : body.toString('utf8') }
  const error = asObject(json['error'])
  if (!error) return { message: toText(json['error'] ?? json['detail'] ?? json['message']) }
  const { code, type, message } = error
  const known = [code, type].find((word) => typeof word === 'string' && Object.hasOwn(CODES, word))
  return { message: toText(message), code: known === undefined ? undefined : CODES[known as string] }
}

/** FastAPI servers put a list of complaints where others put a sentence. */
function toText(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}
