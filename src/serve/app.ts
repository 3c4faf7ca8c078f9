import { Hono } from 'hono'
import { DiffgentorError, toDiffgentorError } from '../errors.ts'
import type { Family } from './families/family.ts'
import { chooseRequestId, logAccess } from './http/access-log.ts'
import { admitCaller } from './http/admit-caller.ts'
import type { CallerLimits } from './http/caller-limits.ts'
import { jsonAnswer } from './http/json-answer.ts'
import type { KeyRing } from './http/keys.ts'
import { describeProblem, type Problem, v1ErrorBody } from './http/problem.ts'
import { RouteBook } from './http/route-book.ts'
import type { ServerContext, ServerEnv } from './http/server-env.ts'
import type { WebGuard } from './http/web-guard.ts'
import type { Services } from './services.ts'

/** Who may come in. */
export interface Doors {
  keys: KeyRing
  callers: CallerLimits
  guard: WebGuard
}

/** All routes behind the checks that every request passes. It never listens; a server does. */
export function createApp(services: Services, doors: Doors, families: readonly Family[]): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>()
  app.use(async (c, next) => {
    const startedAt = performance.now()
    c.set('requestId', chooseRequestId(c))
    await next()
    c.header('x-request-id', c.get('requestId'))
    for (const [name, value] of Object.entries(doors.guard.corsHeaders(c))) c.header(name, value)
    logAccess(services, c, (performance.now() - startedAt) / 1000)
  })
  app.use(async (c, next) => {
    if (c.req.method === 'OPTIONS') return c.body(null, 204, doors.guard.preflightHeaders(c))
    doors.guard.checkHost(c)
    return await next()
  })
  const book = new RouteBook(app, async (c, spec, answer) => {
    doors.guard.checkOrigin(c, spec)
    return await admitCaller(c, spec, doors, answer)
  })
  for (const family of families) family.register(book, services)
  app.notFound((c) => answerUnknown(services, c, book))
  app.onError((thrown, c) => answerError(services, c, thrown))
  return app
}

function answerUnknown(services: Services, c: ServerContext, book: RouteBook): Response {
  const methods = book.methodsOf(c.req.path)
  if (methods.length === 0) return answerError(services, c, new DiffgentorError('not_found', 'Not Found'))
  const answer = answerError(services, c, new DiffgentorError('method_not_allowed', 'Method Not Allowed'))
  answer.headers.set('allow', methods.join(', '))
  return answer
}

function answerError(services: Services, c: ServerContext, thrown: unknown): Response {
  const hasLeft = c.req.raw.signal.aborted && !(thrown instanceof DiffgentorError)
  const error = hasLeft ? new DiffgentorError('cancelled', 'The caller left.', { cause: thrown }) : toDiffgentorError(thrown)
  services.metrics.countFailure(error.code)
  // What is not offered is no fault of the server's.
  if (error.traits.httpStatus >= 500 && error.code !== 'not_offered')
    services.log.error({ err: thrown, request_id: c.get('requestId') }, error.message)
  const described = placeFaults(c, describeProblem(error, services.settings.validationStatus === '400' ? 400 : 422))
  const route = c.get('route')
  const problem = route?.shapeProblem?.(described) ?? described
  const body = route?.errorBody?.(problem) ?? v1ErrorBody(problem)
  c.set('facts', { ...c.get('facts'), error: error.code })
  return jsonAnswer(body, problem.status, problem.headers)
}

/** Where there is no body, fields stand in the address. */
function placeFaults(c: ServerContext, problem: Problem): Problem {
  if (typeof problem.detail === 'string' || !['GET', 'HEAD'].includes(c.req.method)) return problem
  return { ...problem, detail: problem.detail.map((fault) => ({ ...fault, loc: ['query', ...fault.loc.slice(1)] })) }
}
