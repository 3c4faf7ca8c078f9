import { randomUUID } from 'node:crypto'
import { setImmediate as yieldToOthers } from 'node:timers/promises'

/** Bytes that a JSON answer carries as base64 text. */
export class Base64Bytes {
  readonly bytes: Uint8Array
  readonly prefix: string

  constructor(bytes: Uint8Array, prefix = '') {
    this.bytes = bytes
    this.prefix = prefix
  }
}

/** Bytes turned to text before others get their turn, a multiple of `SLICE`: about 0.3 ms. */
const PIECE = 192 * 1024
/** Bytes turned to text at once, a multiple of 3: longer texts go where memory is slow to get, and take three times as long. */
const SLICE = 48 * 1024

type Segment = string | Base64Bytes

/** A JSON answer. Pictures in it are turned into text piece by piece, so that a large one holds up nobody and is never held twice. */
export function jsonAnswer(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  const segments = splitJson(value)
  const length = countBytes(segments)
  const all = { 'content-type': 'application/json', 'content-length': String(length), ...headers }
  if (length <= PIECE) return new Response(joinSmall(segments), { status, headers: all })
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
  const sizes = segments.map((segment) => (typeof segment === 'string' ? Buffer.byteLength(segment) : countBase64(segment.bytes)))
  return sizes.reduce((total, size) => total + size, 0)
}

function joinSmall(segments: readonly Segment[]): string {
  return segments.map((segment) => (typeof segment === 'string' ? segment : toBase64(segment.bytes))).join('')
}

async function* encodePieces(segments: readonly Segment[]): AsyncGenerator<Uint8Array> {
  for (const segment of segments) {
    if (typeof segment === 'string') {
      yield Buffer.from(segment)
      continue
    }
    for (let start = 0; start < segment.bytes.byteLength; start += PIECE) {
      yield encodePiece(segment.bytes.subarray(start, start + PIECE))
      await yieldToOthers()
    }
  }
}

function encodePiece(bytes: Uint8Array): Uint8Array {
  const text = Buffer.allocUnsafeSlow(countBase64(bytes))
  let at = 0
  for (let start = 0; start < bytes.byteLength; start += SLICE) {
    at += text.write(toBase64(bytes.subarray(start, start + SLICE)), at, 'latin1')
  }
  return text
}

function countBase64(bytes: Uint8Array): number {
  return Math.ceil(bytes.byteLength / 3) * 4
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
