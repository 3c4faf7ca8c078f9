import { v1ErrorBody } from '../../http/problem.ts'
import type { RouteBook, RouteHandler, RouteSpec } from '../../http/route-book.ts'

type MfluxSpec = Omit<RouteSpec, 'tag' | 'errorBody' | 'shapeProblem'>

/** Adds a route at the root, where the family began, and under `/api`, where it went. */
export function addTwice(book: RouteBook, spec: MfluxSpec, handler: RouteHandler): void {
  for (const prefix of ['', '/api']) {
    book.add(
      {
        ...spec,
        path: prefix + spec.path,
        tag: 'mflux-server',
        shapeProblem: (problem) => (problem.cause === 'invalid_field' ? { ...problem, status: 400 } : problem),
        errorBody: (problem) => ({ message: problem.message, ...v1ErrorBody(problem) }),
      },
      handler,
    )
  }
}

/** The origin says "no such task" with nothing at all. */
export function answerNothing(status: 200 | 404): Response {
  return new Response(null, { status })
}
