import { setImmediate as yieldToOthers } from 'node:timers/promises'

/** Bytes turned to text before others get their turn, a multiple of `SLICE`: about 0.3 ms. */
export const BASE64_PIECE = 192 * 1024
/** Bytes turned to text at once, a multiple of 3: longer texts go where memory is slow to get, and take three times as long. */
const SLICE = 48 * 1024

/** The base64 text of bytes as pieces, so that a large picture holds up nobody and its text is never held whole. */
export async function* base64Pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += BASE64_PIECE) {
    yield encodePiece(bytes.subarray(start, start + BASE64_PIECE))
    await yieldToOthers()
  }
}

/** How many characters the base64 text of so many bytes has. */
export function base64Length(byteLength: number): number {
  return Math.ceil(byteLength / 3) * 4
}

/** The base64 text of few bytes, at once. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function encodePiece(bytes: Uint8Array): Uint8Array {
  const text = Buffer.allocUnsafeSlow(base64Length(bytes.byteLength))
  let at = 0
  for (let start = 0; start < bytes.byteLength; start += SLICE) {
    at += text.write(toBase64(bytes.subarray(start, start + SLICE)), at, 'latin1')
  }
  return text
}
