import type { Problem } from '../../http/problem.ts'
import type { RouteSpec } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'

type ErrorShape = Pick<RouteSpec, 'shapeProblem' | 'errorBody'>

/** FastAPI's bodies. */
const errorBody = ({ detail }: Problem) => ({ detail })

/** Refusals of routes for users, in the origin's words. */
export const USER_ERRORS: ErrorShape = {
  shapeProblem: (problem) => {
    if (problem.cause === 'missing_api_key') return asMissing(problem, 'Missing API key. Provide X-API-Key header.')
    if (problem.cause === 'invalid_api_key') return say(problem, 403, 'Invalid API key')
    return toQuery(problem)
  },
  errorBody,
}

/** Refusals of routes for admins; without an admin key they are not there at all. */
export function adminErrors({ settings }: Services): ErrorShape {
  const isRefused = ({ cause }: Problem) => ['missing_api_key', 'invalid_api_key', 'forbidden'].includes(cause)
  return {
    shapeProblem: (problem) => {
      if (!isRefused(problem)) return toQuery(problem)
      if (!settings.adminApiKey?.length) return say(problem, 501, 'Admin API key not configured on server')
      if (problem.cause === 'missing_api_key') return asMissing(problem, 'Missing admin API key. Provide X-API-Key header.')
      return say(problem, 403, 'Invalid admin API key. Admin access required.')
    },
    errorBody,
  }
}

/** Where fields stand in the query, faults say so. */
export function toQuery(problem: Problem): Problem {
  if (!Array.isArray(problem.detail)) return problem
  const detail = problem.detail.map((fault) => ({ ...fault, loc: ['query', ...fault.loc.slice(1)] }))
  return { ...problem, detail }
}

function asMissing(problem: Problem, detail: string): Problem {
  const said = say(problem, 401, detail)
  return { ...said, headers: { ...said.headers, 'www-authenticate': 'ApiKey' } }
}

function say({ headers: { 'www-authenticate': _, ...headers }, ...problem }: Problem, status: number, detail: string): Problem {
  return { ...problem, status, message: detail, detail, headers }
}
