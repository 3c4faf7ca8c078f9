import { randomUUID } from 'node:crypto'
import { BASE64_PIECE, base64Length, base64Pieces, toBase64 } from '../../event-loop/base64-pieces.ts'

/** Bytes that a JSON answer carries as base64 text. */
export class Base64Bytes {
  readonly bytes: Uint8Array
  readonly prefix: string

  constructor(bytes: Uint8Array, prefix = '') {
    this.bytes = bytes
    this.prefix = prefix
  }
}

type Segment = string | Base64Bytes

/** A JSON answer. Pictures in it are turned into text piece by piece, so that a large one holds up nobody and is never held twice. */
export function jsonAnswer(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  const segments = splitJson(value)
  const length = countBytes(segments)
  const all = { 'content-type': 'application/json', 'content-length': String(length), ...headers }
  if (length <= BASE64_PIECE) return new Response(joinSmall(segments), { status, headers: all })
  return new Response(ReadableStream.from(encodePieces(segments)), { status, headers: all })
}

/** The same JSON as pieces, for streams of events. */
export async function* jsonPieces(value: unknown): AsyncGenerator<Uint8Array> {
  yield* encodePieces(splitJson(value))
}

function splitJson(value: unknown): Segment[] {
  const pictures: Base64Bytes[] = []
  const mark = randomUUID()
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (!(inner instanceof Base64Bytes)) return inner
    pictures.push(inner)
    return inner.prefix + mark
  })
  return text.split(mark).flatMap((part, place) => (place === 0 ? [part] : [pictures[place - 1]!, part]))
}

function countBytes(segments: readonly Segment[]): number {
  const sizes = segments.map((segment) =>
    typeof segment === 'string' ? Buffer.byteLength(segment) : base64Length(segment.bytes.byteLength),
  )
  return sizes.reduce((total, size) => total + size, 0)
}

function joinSmall(segments: readonly Segment[]): string {
  return segments.map((segment) => (typeof segment === 'string' ? segment : toBase64(segment.bytes))).join('')
}

async function* encodePieces(segments: readonly Segment[]): AsyncGenerator<Uint8Array> {
  for (const segment of segments) {
    if (typeof segment === 'string') yield Buffer.from(segment)
    else yield* base64Pieces(segment.bytes)
  }
}
