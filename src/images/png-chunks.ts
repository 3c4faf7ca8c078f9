import { crc32, inflateSync } from 'node:zlib'

/** One chunk of a PNG file, as a view of the file's bytes. */
export interface PngChunk {
  type: string
  data: Uint8Array
  /** Length, type, data and checksum. */
  whole: Uint8Array
}

/** Bytes before the first chunk. */
export const PNG_SIGNATURE_LENGTH = 8
const MAX_TEXT_BYTES = 4_000_000

/** The chunks of a PNG in file order; stops quietly where the file is torn. */
export function* listPngChunks(bytes: Uint8Array): Generator<PngChunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = PNG_SIGNATURE_LENGTH
  while (at + 12 <= bytes.length) {
    const end = at + 12 + view.getUint32(at)
    if (end > bytes.length) return
    const type = latin1(bytes.subarray(at + 4, at + 8))
    yield { type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) }
    at = end
  }
}

/** A text chunk: `tEXt` when Latin-1 can hold the text, else `iTXt`, as Pillow chooses. */
export function makeTextChunk(keyword: string, text: string): Uint8Array {
  const clean = text.replaceAll('\0', '')
  const isLatin1 = !/[\u0100-\uffff]/.test(clean)
  const head = Buffer.from(isLatin1 ? `${keyword}\0` : `${keyword}\0\0\0\0\0`, 'latin1')
  return makeChunk(isLatin1 ? 'tEXt' : 'iTXt', Buffer.concat([head, Buffer.from(clean, isLatin1 ? 'latin1' : 'utf8')]))
}

function makeChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(data.length + 12)
  chunk.writeUInt32BE(data.length, 0)
  chunk.write(type, 4, 'latin1')
  chunk.set(data, 8)
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4)
  return chunk
}

/** Keyword and text of a `tEXt`, `zTXt` or `iTXt` chunk; undefined for other or broken ones. */
export function readTextChunk({ type, data }: PngChunk): { keyword: string; text: string } | undefined {
  if (!/^(?:tEXt|zTXt|iTXt)$/.test(type)) return undefined
  const end = data.indexOf(0)
  if (end < 1) return undefined
  const keyword = latin1(data.subarray(0, end))
  const rest = data.subarray(end + 1)
  try {
    if (type === 'tEXt') return { keyword, text: latin1(rest) }
    if (type === 'zTXt') return { keyword, text: latin1(inflate(rest.subarray(1))) }
    return { keyword, text: readInternationalText(rest) }
  } catch {
    return undefined
  }
}

/** After the keyword: compression flag and method, language, translated keyword, text. */
function readInternationalText(rest: Uint8Array): string {
  const language = rest.indexOf(0, 2)
  const translated = rest.indexOf(0, language + 1)
  if (language < 0 || translated < 0) throw new RangeError('torn iTXt chunk')
  const text = rest.subarray(translated + 1)
  return Buffer.from(rest[0] === 1 ? inflate(text) : text).toString('utf8')
}

function inflate(data: Uint8Array): Uint8Array {
  return inflateSync(data, { maxOutputLength: MAX_TEXT_BYTES })
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
