import type { Problem } from '../../http/problem.ts'
import type { RouteSpec } from '../../http/route-book.ts'

/** Errors as the origin and FastAPI word them. Goes into every route of the family. */
export const A1111_ERRORS: Pick<RouteSpec, 'shapeProblem' | 'errorBody'> = {
  shapeProblem: (problem) => {
    if (problem.status !== 401) return problem
    const message = 'Incorrect username or password'
    return { ...problem, message, detail: message, headers: { ...problem.headers, 'www-authenticate': 'Basic' } }
  },
  errorBody: ({ cause, detail, message }: Problem) =>
    cause === 'missing_api_key' || cause === 'invalid_api_key'
      ? { detail }
      : { error: 'HTTPException', detail, body: '', errors: message },
}
