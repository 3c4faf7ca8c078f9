import type { MetadataBlocks } from './jpeg-metadata.ts'

interface Chunk {
  type: string
  data: Buffer
}

const ALPHA_FLAG = 0x10
const EXIF_FLAG = 0x08
const XMP_FLAG = 0x04

/**
 * Puts EXIF and XMP into a WebP file in place of its own, or takes its own out when there are no blocks, without touching the
 * picture (RFC 9649: metadata needs the extended header and follows the picture). The new file is given as pieces, which share the old
 * one's memory.
 */
export function setWebpMetadata(bytes: Uint8Array, blocks: MetadataBlocks | undefined): Uint8Array[] {
  const chunks = listChunks(bytes)
  const kept = chunks.filter(({ type }) => type !== 'EXIF' && type !== 'XMP ')
  if (!blocks && kept.length === chunks.length) return [bytes]
  const header = kept.find(({ type }) => type === 'VP8X')?.data ?? describeCanvas(kept)
  const extended = Buffer.from(header)
  extended[0] = (extended[0]! & ~(EXIF_FLAG | XMP_FLAG)) | (blocks ? EXIF_FLAG | XMP_FLAG : 0)
  const rest = kept.filter(({ type }) => type !== 'VP8X')
  const added = blocks ? [chunk('EXIF', blocks.exif), chunk('XMP ', blocks.xmp)] : []
  return toPieces([{ type: 'VP8X', data: extended }, ...rest, ...added])
}

function chunk(type: string, data: Uint8Array): Chunk {
  return { type, data: Buffer.from(data.buffer, data.byteOffset, data.length) }
}

function listChunks(bytes: Uint8Array): Chunk[] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const chunks: Chunk[] = []
  for (let at = 12; at + 8 <= file.length; ) {
    const length = file.readUInt32LE(at + 4)
    chunks.push({ type: file.toString('latin1', at, at + 4), data: file.subarray(at + 8, at + 8 + length) })
    at += 8 + length + (length & 1)
  }
  return chunks
}

/** The extended header of a plain file: flags, three reserved bytes, width and height less one in 24 bits each. */
function describeCanvas(chunks: Chunk[]): Buffer {
  const header = Buffer.alloc(10)
  const picture = chunks.find(({ type }) => type === 'VP8 ' || type === 'VP8L')
  if (!picture) return header
  const isLossless = picture.type === 'VP8L'
  const bits = isLossless ? picture.data.readUInt32LE(1) : picture.data.readUInt32LE(6)
  const width = isLossless ? bits & 0x3fff : (bits & 0x3fff) - 1
  const height = isLossless ? (bits >>> 14) & 0x3fff : ((bits >>> 16) & 0x3fff) - 1
  if (isLossless && (bits >>> 28) & 1) header[0] = ALPHA_FLAG
  header.writeUIntLE(width, 4, 3)
  header.writeUIntLE(height, 7, 3)
  return header
}

function toPieces(chunks: Chunk[]): Buffer[] {
  const parts = chunks.flatMap(({ type, data }) => {
    const head = Buffer.alloc(8)
    head.write(type, 0, 'latin1')
    head.writeUInt32LE(data.length, 4)
    return data.length % 2 === 0 ? [head, data] : [head, data, Buffer.alloc(1)]
  })
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1')
  head.writeUInt32LE(length + 4, 4)
  return [head, ...parts]
}
