import type { ServerContext } from './server-env.ts'

/** Whose work a request begins: it belongs to a key. While no key is set it belongs to everybody. */
export function ownerOf(c: ServerContext): string {
  return c.get('hasKey') ? c.get('caller') : ''
}
