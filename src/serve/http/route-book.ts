import type { Hono } from 'hono'
import type { z } from 'zod'
import type { Problem } from './problem.ts'
import type { ServerContext, ServerEnv } from './server-env.ts'

/** Who may call a route once keys are set. */
export type RouteAccess = 'public' | 'key' | 'admin'

/** What a route takes and answers: the source of the routing table, of `/openapi.json` and of `/docs`. */
export interface RouteSpec {
  method: 'get' | 'post' | 'put' | 'delete'
  /** OpenAPI form; `{id+}` matches slashes too. */
  path: string
  /** Heading in the documentation. */
  tag: string
  summary: string
  description?: string
  /** Default `key`. */
  access?: RouteAccess
  /** A GET that changes the server's state, which web pages of other sites may not call. */
  changesState?: boolean
  query?: z.ZodObject
  /** Fields of a JSON body and of a form. */
  json?: z.ZodType
  form?: z.ZodType
  /** A body that shows the route in the documentation. */
  example?: unknown
  /** Parameters that show a route whose fields stand in the query. */
  queryExample?: Readonly<Record<string, string | number>>
  answers: readonly RouteAnswer[]
  /** Puts an error into the status, words and headers of this family. */
  shapeProblem?: (problem: Problem) => Problem
  /** The body of an error, in the style of this family. Default: that of `/v1`. */
  errorBody?: (problem: Problem) => object | string | null
}

export interface RouteAnswer {
  status: number
  description: string
  /** Media type; default `application/json`. */
  type?: string
  schema?: z.ZodType
}

export type RouteHandler = (c: ServerContext) => Response | Promise<Response>

/** All routes of a server, each registered with what it says about itself. */
export class RouteBook {
  readonly routes: RouteSpec[] = []
  readonly #app: Hono<ServerEnv>
  readonly #admit: (c: ServerContext, spec: RouteSpec, answer: () => Promise<Response>) => Promise<Response>

  /** `admit` checks the caller and runs the answer. */
  constructor(
    app: Hono<ServerEnv>,
    admit: (c: ServerContext, spec: RouteSpec, answer: () => Promise<Response>) => Promise<Response>,
  ) {
    this.#app = app
    this.#admit = admit
  }

  /** Adds a route. One that another family has already brought stays as it is: several share the same. */
  add(spec: RouteSpec, handler: RouteHandler): void {
    if (this.routes.some(({ method, path }) => method === spec.method && path === spec.path)) return
    this.routes.push(spec)
    this.#app.on(spec.method.toUpperCase(), toHonoPath(spec.path), async (c) => {
      c.set('route', spec)
      return await this.#admit(c, spec, async () => await handler(c))
    })
  }

  /** The verbs that a path answers to; empty for an unknown path. */
  methodsOf(path: string): string[] {
    const methods = this.routes.filter((route) => toPattern(route.path).test(path)).map((route) => route.method.toUpperCase())
    if (methods.includes('GET')) methods.push('HEAD')
    return methods.length === 0 ? [] : [...new Set([...methods, 'OPTIONS'])]
  }
}

function toHonoPath(path: string): string {
  return path.replace(/\{(\w+)\+\}/g, ':$1{.+}').replace(/\{(\w+)\}/g, ':$1')
}

function toPattern(path: string): RegExp {
  const source = path
    .split(/(\{\w+\+?\})/)
    .map((part) =>
      /^\{\w+\+\}$/.test(part) ? '.+' : /^\{\w+\}$/.test(part) ? '[^/]+' : part.replace(/[.*+?^$()|[\]\\]/g, '\\$&'),
    )
    .join('')
  return new RegExp(`^${source}$`)
}
