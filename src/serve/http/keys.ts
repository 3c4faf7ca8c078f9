import { createHash, timingSafeEqual } from 'node:crypto'
import { DiffgentorError } from '../../errors.ts'
import type { ServerContext } from './server-env.ts'

/** What a caller's key opens. */
export interface Grant {
  /** Digest of the key, for limits and logs. */
  caller: string
  isAdmin: boolean
}

/** The keys of the server, held as digests and compared in constant time. */
export class KeyRing {
  readonly #keys: Buffer[]
  readonly #adminKeys: Buffer[]

  constructor(keys: readonly string[] = [], adminKeys: readonly string[] = []) {
    this.#keys = splitKeys(keys).map(digest)
    this.#adminKeys = splitKeys(adminKeys).map(digest)
  }

  /** False: everybody may call. */
  get isOn(): boolean {
    return this.#keys.length + this.#adminKeys.length > 0
  }

  /** What the caller's key opens. Throws `missing_api_key` for none and `invalid_api_key` for a wrong one. */
  check(c: ServerContext): Grant {
    const given = readKey(c)
    if (given === undefined) {
      throw new DiffgentorError('missing_api_key', 'Incorrect API key provided: none. Send one as "Authorization: Bearer KEY".')
    }
    const hash = digest(given)
    const isAdmin = matchesAny(hash, this.#adminKeys)
    if (!matchesAny(hash, this.#keys) && !isAdmin) {
      throw new DiffgentorError('invalid_api_key', 'Incorrect API key provided. Ask the operator of this server for one.')
    }
    return { caller: hash.toString('hex').slice(0, 12), isAdmin }
  }
}

/** The key in any of the places where clients put it. */
export function readKey(c: ServerContext): string | undefined {
  const authorization = readAuthorization(c.req.header('authorization'))
  const places = [
    authorization,
    c.req.header('api-key'),
    c.req.header('x-api-key'),
    c.req.header('x-goog-api-key'),
    c.req.query('api_key'),
    c.req.query('key'),
  ]
  return places.find((key) => key !== undefined && key !== '')
}

function readAuthorization(header: string | undefined): string | undefined {
  const [, scheme, value] = /^\s*(\w+)\s+(\S+)\s*$/.exec(header ?? '') ?? []
  if (scheme?.toLowerCase() === 'bearer') return value
  if (scheme?.toLowerCase() !== 'basic' || value === undefined) return undefined
  const [user = '', ...password] = Buffer.from(value, 'base64').toString().split(':')
  return password.join(':') || user
}

function splitKeys(keys: readonly string[]): string[] {
  return keys
    .flatMap((key) => key.split(','))
    .map((key) => key.trim())
    .filter((key) => key !== '')
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

function matchesAny(hash: Buffer, known: readonly Buffer[]): boolean {
  let isMatch = false
  for (const candidate of known) isMatch = timingSafeEqual(hash, candidate) || isMatch
  return isMatch
}
