import { z } from 'zod'
import { DiffgentorError } from '../../errors.ts'
import { joinPieces } from '../../event-loop/join-pieces.ts'
import { LARGE_JSON, parseLargeJson } from '../../event-loop/parse-large-json.ts'
import { collectPieces } from './request-body.ts'
import type { ServerContext } from './server-env.ts'

/** Fields of a request before validation. Long base64 texts of large bodies arrive decoded, as `Uint8Array`. */
export type RawFields = Record<string, unknown>

/** Reads a JSON object whatever the content type says. An empty body is an empty object. */
export async function readJsonFields(c: ServerContext, maxBody: number): Promise<RawFields> {
  return await parseJsonFields(c, await collectPieces(c, maxBody))
}

/** The fields of a JSON object that has arrived, in its pieces. */
export async function parseJsonFields(c: ServerContext, pieces: readonly Uint8Array[]): Promise<RawFields> {
  const length = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  const parsed = length >= LARGE_JSON ? await parseLarge(pieces) : parseSmallJson(await joinPieces(pieces))
  const checked = z.record(z.string(), z.unknown()).safeParse(parsed)
  if (checked.success) {
    c.set('fields', checked.data)
    return checked.data
  }
  throw new DiffgentorError('invalid_field', 'The body must be a JSON object.', { cause: checked.error })
}

async function parseLarge(pieces: readonly Uint8Array[]): Promise<unknown> {
  try {
    return await parseLargeJson(pieces)
  } catch (cause) {
    if (cause instanceof RangeError) throw new DiffgentorError('request_too_large', 'The body holds too much.', { cause })
    throw new DiffgentorError('invalid_request', 'The body is not valid JSON.', { cause })
  }
}

function parseSmallJson(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes)
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DiffgentorError('invalid_request', 'The body is not valid JSON.', { cause })
  }
}
