import { DiffgentorError } from '../../errors.ts'
import type { ServerContext } from './server-env.ts'

/** Limits in bytes. */
export interface BodyLimits {
  maxBody: number
  maxImage: number
}

/** The body's pieces as they arrive; throws once they are more than allowed. */
export async function* readPieces(c: ServerContext, maxBody: number): AsyncGenerator<Uint8Array> {
  const encoding = c.req.header('content-encoding')
  if (encoding !== undefined && encoding !== 'identity') {
    throw new DiffgentorError('invalid_request', `Bodies must not be compressed, got content-encoding ${encoding}.`)
  }
  if (Number(c.req.header('content-length') ?? 0) > maxBody) throw tooLarge(maxBody)
  const body = c.req.raw.body
  if (!body) return
  let size = 0
  for await (const piece of body) {
    size += piece.byteLength
    if (size > maxBody) throw tooLarge(maxBody)
    yield piece
  }
}

/** The whole body, in pieces. */
export async function collectPieces(c: ServerContext, maxBody: number): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of readPieces(c, maxBody)) pieces.push(piece)
  return pieces
}

export function tooLarge(limit: number, what = 'The request body'): DiffgentorError {
  return new DiffgentorError('request_too_large', `${what} is larger than the limit of ${limit / 1e6} MB.`)
}
