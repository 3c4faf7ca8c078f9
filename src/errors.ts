/** What follows from an error: the HTTP status, the exit code of a command that could do nothing else, and whether trying again may help. */
interface ErrorTraits {
  httpStatus: number
  exitCode: 1 | 2
  retryable: boolean
  /** Every other row would fail the same way, so a batch stops and leaves the rest pending. */
  endsRun: boolean
}

const usage = { httpStatus: 400, exitCode: 2, retryable: false, endsRun: false } as const
const row = { httpStatus: 400, exitCode: 1, retryable: false, endsRun: false } as const
const transient = { httpStatus: 502, exitCode: 1, retryable: true, endsRun: false } as const
const fatal = { httpStatus: 502, exitCode: 1, retryable: false, endsRun: true } as const

const TRAITS = {
  /** A flag, variable or file that cannot be used as given. */
  invalid_configuration: usage,
  /** A request whose fields contradict the contract or the model. */
  invalid_request: usage,
  /** A row that cannot become a request. */
  invalid_row: row,
  /** An input picture that is missing, broken, too large or of an unknown kind. */
  unreadable_image: row,
  /** An address that may not or cannot be fetched. */
  fetch_refused: row,
  fetch_failed: { ...transient, httpStatus: 400 },
  /** An output name that leaves the folder, is reserved, or was taken by another row. */
  invalid_output_name: row,
  /** No such model, component or file. */
  model_not_found: { ...usage, httpStatus: 404 },
  /** A model folder or graph that is torn, foreign or malicious. */
  model_unreadable: { ...usage, httpStatus: 500 },
  /** The backend or the model cannot do what was asked. */
  unsupported: usage,
  /** The picture contains values that are not numbers. */
  nan_output: { ...row, httpStatus: 500 },
  /** The model does not fit into the memory that is free. */
  out_of_memory: { httpStatus: 500, exitCode: 1, retryable: false, endsRun: false },
  /** A child process died. */
  worker_crashed: { ...transient, httpStatus: 500 },
  /** A row was in work at two such deaths. */
  poison: { ...row, httpStatus: 500 },
  /** The provider refused the content. */
  content_policy: row,
  /** An answer without pictures and without a reason. */
  empty_answer: transient,
  upstream_rate_limit: { ...transient, httpStatus: 429 },
  upstream_quota: { ...fatal, httpStatus: 429 },
  upstream_authentication: fatal,
  /** The provider does not know the model, or the address is not that of its API. */
  upstream_model_not_found: fatal,
  /** The provider rejected the request as malformed. */
  upstream_rejected: row,
  /** A fault of the provider that it calls lasting, or an answer that is none of its API. */
  upstream_failed: { ...row, httpStatus: 502 },
  upstream_unavailable: transient,
  /** Nothing reached the provider: safe to send again. */
  upstream_unreachable: transient,
  /** The request was sent and no answer came: it may have been billed. */
  upstream_ambiguous: { httpStatus: 504, exitCode: 1, retryable: false, endsRun: false },
  budget_exhausted: { ...fatal, httpStatus: 429 },
  disk_full: { ...fatal, httpStatus: 507 },
  not_writable: { ...fatal, httpStatus: 500, exitCode: 2 },
  /** Another run holds the output folder. */
  folder_locked: { ...usage, httpStatus: 409 },
  /** A resume whose settings or data set would change pictures. */
  resume_mismatch: usage,
  /** The same fault on row after row. */
  systemic_fault: fatal,
  /** A field of an HTTP request that is missing, of the wrong type or out of range. */
  invalid_field: { ...usage, httpStatus: 422 },
  /** A body, a picture or a form beyond the server's limits. */
  request_too_large: { ...usage, httpStatus: 413 },
  /** No key where one is needed. */
  missing_api_key: { ...usage, httpStatus: 401 },
  /** A wrong key. */
  invalid_api_key: { ...usage, httpStatus: 401 },
  /** A caller, host name or web page that may not do this. */
  forbidden: { ...usage, httpStatus: 403 },
  /** No such route, job or stored picture. */
  not_found: { ...usage, httpStatus: 404 },
  method_not_allowed: { ...usage, httpStatus: 405 },
  /** A route whose work this server was not set up for. */
  not_offered: { httpStatus: 501, exitCode: 2, retryable: false, endsRun: false },
  /** More requests than one key may send. */
  rate_limited: { httpStatus: 429, exitCode: 1, retryable: true, endsRun: false },
  /** The server or its model is starting or stopping. */
  not_ready: { httpStatus: 503, exitCode: 1, retryable: true, endsRun: false },
  queue_full: { httpStatus: 429, exitCode: 1, retryable: true, endsRun: false },
  timeout: { httpStatus: 504, exitCode: 1, retryable: true, endsRun: false },
  cancelled: { httpStatus: 499, exitCode: 1, retryable: false, endsRun: false },
  internal: { httpStatus: 500, exitCode: 1, retryable: false, endsRun: false },
} as const satisfies Record<string, ErrorTraits>

export type ErrorCode = keyof typeof TRAITS

export interface DiffgentorErrorOptions {
  cause?: unknown
  /** How long the other side asked us to wait, in milliseconds. */
  retryAfterMs?: number | undefined
  /** The field, flag or column at fault, when there is one. */
  field?: string | undefined
}

/** The only error that diffgentor throws on purpose. The message is one sentence: what, expected, got, what to do. Keys never enter it. */
export class DiffgentorError extends Error {
  override readonly name = 'DiffgentorError'
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined
  readonly field: string | undefined

  constructor(code: ErrorCode, message: string, options: DiffgentorErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryAfterMs = options.retryAfterMs
    this.field = options.field
  }

  get traits(): ErrorTraits {
    return TRAITS[this.code]
  }
}

/** Every code with its traits, for the documentation and for reading codes back from a ledger. */
export const ERROR_TRAITS: Readonly<Record<ErrorCode, ErrorTraits>> = TRAITS

/** Wraps anything thrown into a DiffgentorError; one that is already passes through. */
export function toDiffgentorError(thrown: unknown): DiffgentorError {
  if (thrown instanceof DiffgentorError) return thrown
  if (thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError')) {
    return new DiffgentorError('cancelled', 'The work was cancelled before it was done.', { cause: thrown })
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new DiffgentorError('internal', message, { cause: thrown })
}
