import { DiffgentorError } from '../../errors.ts'
import type { CallerLimits } from './caller-limits.ts'
import type { KeyRing } from './keys.ts'
import type { RouteSpec } from './route-book.ts'
import type { ServerContext } from './server-env.ts'
import { isLoopback } from './web-guard.ts'

/** Checks a caller's key and limits, then answers. Limits hold until the answer's last byte. */
export async function admitCaller(
  c: ServerContext,
  route: RouteSpec,
  doors: { keys: KeyRing; callers: CallerLimits },
  answer: () => Promise<Response>,
): Promise<Response> {
  identify(c, route, doors.keys)
  if (route.access === 'public') return await answer()
  const leave = doors.callers.enter(c.get('caller'))
  const { outgoing } = c.env ?? {}
  let isStreaming = false
  try {
    const response = await answer()
    isStreaming = outgoing !== undefined
    outgoing?.once('close', leave)
    return response
  } finally {
    if (!isStreaming) leave()
  }
}

/** Says who calls, or throws when that one may not. */
function identify(c: ServerContext, route: RouteSpec, keys: KeyRing): void {
  const address = c.env?.incoming?.socket.remoteAddress ?? '127.0.0.1'
  const isLocal = isLoopback(address.replace(/^::ffff:/, ''))
  c.set('caller', address)
  c.set('hasKey', false)
  c.set('isAdmin', !keys.isOn && isLocal)
  if (route.access === 'public') return
  if (keys.isOn) {
    const grant = keys.check(c)
    c.set('caller', grant.caller)
    c.set('hasKey', true)
    c.set('isAdmin', grant.isAdmin)
  }
  if (route.access !== 'admin' || c.get('isAdmin')) return
  throw new DiffgentorError('forbidden', 'This route needs the admin key, or a caller on the same machine while no key is set.')
}
