import { DiffgentorError } from '../../errors.ts'
import { type ByteRange, readRange } from './byte-range.ts'
import { jsonAnswer } from './json-answer.ts'
import { describeProblem, v1ErrorBody } from './problem.ts'
import type { ServerContext } from './server-env.ts'

/** A file that callers may fetch whole or in parts. */
export interface OfferedFile {
  /** Media type. */
  type: string
  /** Bytes. */
  size: number
  /** Stands for this very content: visible ASCII without quotes, the same for the same bytes only. */
  tag: string
  /** The name under which it is saved. */
  filename: string
  /** The bytes of a part, piece by piece. */
  read(part: ByteRange): AsyncIterable<Uint8Array>
}

/** A file, or the part of it that `Range` asks for: players ask for parts when they seek, and downloads when they go on. */
export function answerFile(c: ServerContext, file: OfferedFile): Response {
  const etag = `"${file.tag}"`
  const headers = {
    'accept-ranges': 'bytes',
    etag,
    'content-disposition': `attachment; filename="${file.filename}"`,
    'x-content-type-options': 'nosniff',
  }
  if (isKnown(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  const whole = { ...headers, 'content-type': file.type, 'content-length': String(file.size) }
  if (c.req.method === 'HEAD') return new Response(null, { headers: whole })
  const range = isStill(c.req.header('if-range'), etag) ? readRange(c.req.header('range'), file.size) : undefined
  if (range === 'unsatisfiable') return refuseRange(file.size)
  if (!range) return new Response(toStream(file, { start: 0, end: file.size - 1 }), { headers: whole })
  const { start, end } = range
  const part = {
    ...whole,
    'content-length': String(end - start + 1),
    'content-range': `bytes ${start}-${end}/${file.size}`,
  }
  return new Response(toStream(file, range), { status: 206, headers: part })
}

/** Whether the caller has this content already (`If-None-Match`). */
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}

/** Whether the caller's part is one of this content (`If-Range`): dates are not known here, so they never match. */
function isStill(header: string | undefined, etag: string): boolean {
  return header === undefined || header.trim() === etag
}

function toStream(file: OfferedFile, part: ByteRange): ReadableStream<Uint8Array> {
  return ReadableStream.from(file.read(part))
}

function refuseRange(size: number): Response {
  const error = new DiffgentorError('invalid_request', `The range must begin within the ${size} bytes of the file.`)
  return jsonAnswer(v1ErrorBody(describeProblem(error)), 416, { 'content-range': `bytes */${size}` })
}
