import { randomUUID } from 'node:crypto'
import type { Services } from '../services.ts'
import { summarizeFields } from './field-log.ts'
import type { ServerContext } from './server-env.ts'

/** The caller's own id when it is harmless, else a new one. */
export function chooseRequestId(c: ServerContext): string {
  const given = c.req.header('x-request-id')
  return given !== undefined && /^[\w.:/+=-]{1,200}$/.test(given) ? given : `req_${randomUUID().replaceAll('-', '')}`
}

/** One line for each answered request, and its share in the metrics. Keys, bodies and queries stay out. */
export function logAccess(services: Services, c: ServerContext, seconds: number): void {
  const { method } = c.req
  const { status } = c.res
  const route = c.get('route')?.path ?? 'unmatched'
  const fields = c.get('fields')
  if (services.fieldLog && fields) {
    services.fieldLog.info({ request_id: c.get('requestId'), route, fields: summarizeFields(fields) }, 'fields')
  }
  services.metrics.countRequest(method, route, status, seconds)
  services.log.info(
    {
      request_id: c.get('requestId'),
      method,
      path: c.req.path,
      status,
      ms: Math.round(seconds * 1000),
      caller: c.get('caller'),
      ...c.get('facts'),
    },
    'request',
  )
}
