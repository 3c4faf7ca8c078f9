import { z } from 'zod'
import type { DiffgentorError, ErrorCode } from '../../errors.ts'

/** One fault of validation, as FastAPI's clients read it. */
export interface FieldFault {
  loc: (string | number)[]
  msg: string
  type: string
}

/** An error as callers see it. */
export interface Problem {
  /** Our own code, for families that have other words for it. */
  cause: ErrorCode
  status: number
  type: string
  code: string | null
  param: string | null
  message: string
  detail: string | FieldFault[]
  headers: Record<string, string>
}

interface WireTraits {
  type?: string
  code?: string | null
  param?: string
  status?: number
}

const rateLimit = { type: 'rate_limit_error', code: 'rate_limit_exceeded' }
const value = { code: 'invalid_value' }

/** Words of the OpenAI API for our codes; the rest keep their own. */
const WIRE: Partial<Record<ErrorCode, WireTraits>> = {
  invalid_field: value,
  invalid_request: value,
  unreadable_image: { code: 'invalid_image', param: 'image' },
  model_not_found: { param: 'model' },
  content_policy: { type: 'image_generation_user_error', code: 'moderation_blocked' },
  rate_limited: rateLimit,
  upstream_rate_limit: rateLimit,
  upstream_quota: { type: 'insufficient_quota', code: 'insufficient_quota' },
  upstream_authentication: { code: 'upstream_auth_error' },
  upstream_rejected: value,
  empty_answer: { code: 'no_image_returned' },
  missing_api_key: { code: 'invalid_api_key' },
  queue_full: { type: 'rate_limit_error' },
  internal: { code: null },
}

/** Statuses that say "later", so that a client's own repeat is welcome. */
const WELCOMES_REPEAT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'queue_full',
  'rate_limited',
  'not_ready',
  'worker_crashed',
  'upstream_rate_limit',
  'upstream_unavailable',
  'upstream_unreachable',
])

/** The longest wait that official clients obey, in seconds. */
const LONGEST_RETRY_AFTER = 120

/** Puts an error into the words, status and headers of the wire. */
export function describeProblem(error: DiffgentorError, validationStatus: 400 | 422 = 422): Problem {
  const wire = WIRE[error.code] ?? {}
  const status = chooseStatus(error, validationStatus)
  const faults = error.cause instanceof z.ZodError ? listFaults(error.cause) : undefined
  const message = withoutPaths(error.message)
  return {
    cause: error.code,
    status,
    type: wire.type ?? (status >= 500 ? 'server_error' : 'invalid_request_error'),
    code: faults?.[0]?.type === 'missing' ? 'missing_required_parameter' : wire.code === undefined ? error.code : wire.code,
    param: error.field ?? wire.param ?? null,
    message,
    detail: faults ?? message,
    headers: retryHeaders(error, status),
  }
}

function chooseStatus(error: DiffgentorError, validationStatus: 400 | 422): number {
  if (error.code === 'invalid_field') return validationStatus
  // An upstream that broke off is a bad gateway; one that was silent for too long is a gateway time-out.
  if (error.code === 'upstream_ambiguous') return isTimeout(error.cause) ? 504 : 502
  return error.traits.httpStatus
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof Error && `${cause.name} ${cause.constructor.name}`.includes('Timeout')
}

function retryHeaders(error: DiffgentorError, status: number): Record<string, string> {
  const headers: Record<string, string> = {}
  if (error.retryAfterMs !== undefined) {
    const seconds = Math.min(LONGEST_RETRY_AFTER, Math.max(1, Math.ceil(error.retryAfterMs / 1000)))
    headers['retry-after'] = String(seconds)
    headers['retry-after-ms'] = String(seconds * 1000)
  }
  const isTemporary = WELCOMES_REPEAT.has(error.code)
  if ((status >= 500 || status === 429 || status === 409) && !isTemporary) headers['x-should-retry'] = 'false'
  if (status === 401) headers['www-authenticate'] = 'Bearer'
  return headers
}

function listFaults(error: z.ZodError): FieldFault[] {
  return error.issues.map((issue) => {
    const isMissing = isMissingField(issue)
    return {
      loc: ['body', ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))],
      msg: isMissing ? 'Field required' : issue.message,
      type: isMissing ? 'missing' : issue.code,
    }
  })
}

/** Whether a fault is that a field was not given, whichever of several types it may have. */
export function isMissingField(issue: z.core.$ZodIssue): boolean {
  if (issue.code === 'invalid_union') return issue.errors.length > 0 && issue.errors.every(([first]) => isAbsent(first))
  return isAbsent(issue)
}

function isAbsent(issue: z.core.$ZodIssue | undefined): boolean {
  return issue?.code === 'invalid_type' && issue.message.endsWith('received undefined')
}

/** Leaves only the last part of each absolute path: callers need not know where things lie on this machine. */
function withoutPaths(message: string): string {
  return message.replace(/(?<![\w:/.@-])(?:[A-Za-z]:)?(?:[\\/][^\s\\/"':,;()]+){2,}/g, (path) => path.split(/[\\/]/).at(-1)!)
}

/** The `/v1` body: what OpenAI clients and FastAPI-born clients read, in one. */
export function v1ErrorBody(problem: Problem): object {
  const { message, type, param, code, detail } = problem
  return { error: { message, type, param, code }, detail }
}
