import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { RawFields } from './json-body.ts'
import type { RouteSpec } from './route-book.ts'

/** What every request carries through the middlewares. */
export interface ServerEnv {
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    /** The route that answers, once one was found. */
    route: RouteSpec
    /** Which caller this is, for limits: a digest of the key, or the address. */
    caller: string
    /** The caller showed a key. */
    hasKey: boolean
    isAdmin: boolean
    /** Fields of the body as they came. */
    fields: RawFields
    /** Further facts for the access log. */
    facts: Record<string, unknown>
  }
}

export type ServerContext = Context<ServerEnv>
