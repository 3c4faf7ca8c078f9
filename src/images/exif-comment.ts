/**
 * The smallest EXIF block that holds a user comment (EXIF 2.32 §4.6): big-endian, with the comment in UTF-16, as A1111 and its
 * readers have it.
 */
export function makeExif(comment: string): Uint8Array {
  const text = Buffer.from(comment, 'utf16le').swap16()
  const value = Buffer.concat([Buffer.from('UNICODE\0', 'latin1'), text])
  const head = Buffer.alloc(56)
  head.write('MM\0*', 0, 'latin1')
  head.writeUInt32BE(8, 4)
  head.writeUInt16BE(1, 8)
  writeEntry(head, 10, { tag: EXIF_POINTER, type: 4, count: 1, value: 26 })
  head.writeUInt16BE(2, 26)
  writeEntry(head, 28, { tag: 0x9000, type: 7, count: 4, value: 0x30323332 })
  writeEntry(head, 40, { tag: USER_COMMENT, type: 7, count: value.length, value: head.length })
  return Buffer.concat([head, value])
}

const EXIF_POINTER = 0x8769
const USER_COMMENT = 0x9286

function writeEntry(bytes: Buffer, at: number, entry: { tag: number; type: number; count: number; value: number }): void {
  bytes.writeUInt16BE(entry.tag, at)
  bytes.writeUInt16BE(entry.type, at + 2)
  bytes.writeUInt32BE(entry.count, at + 4)
  bytes.writeUInt32BE(entry.value, at + 8)
}

/** The user comment of an EXIF block, with or without its `Exif\0\0` mark; undefined when there is none or the block is torn. */
export function readExifComment(block: Uint8Array): string | undefined {
  const start = Buffer.from(block.subarray(0, 6)).toString('latin1') === 'Exif\0\0' ? 6 : 0
  const bytes = Buffer.from(block.buffer, block.byteOffset + start, block.length - start)
  const order = bytes.toString('latin1', 0, 2)
  if (order !== 'II' && order !== 'MM') return undefined
  const isBig = order === 'MM'
  try {
    const uint32 = (at: number) => (isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at))
    const exif = findEntry(bytes, isBig, uint32(4), EXIF_POINTER)
    const comment = exif === undefined ? undefined : findEntry(bytes, isBig, uint32(exif + 8), USER_COMMENT)
    if (comment === undefined) return undefined
    const offset = uint32(comment + 8)
    return decodeComment(bytes.subarray(offset, offset + uint32(comment + 4)), isBig)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Where the directory at `directory` has the entry of a tag. */
function findEntry(bytes: Buffer, isBig: boolean, directory: number, tag: number): number | undefined {
  const uint16 = (at: number) => (isBig ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at))
  const count = uint16(directory)
  for (let i = 0; i < count; i++) {
    const at = directory + 2 + i * 12
    if (uint16(at) === tag) return at
  }
  return undefined
}

function decodeComment(value: Buffer, isBig: boolean): string {
  const charset = value.toString('latin1', 0, 8).replace(/[\0 ]+$/, '')
  const text = value.subarray(8)
  if (charset !== 'UNICODE') return text.toString(charset === 'ASCII' ? 'latin1' : 'utf8').replace(/\0+$/, '')
  const even = text.subarray(0, text.length & ~1)
  return (isBigEndianText(even, isBig) ? Buffer.from(even).swap16() : even).toString('utf16le').replace(/^\ufeff/, '')
}

/** Writers disagree whether the comment follows the block's byte order; Latin letters show by where their zero bytes lie. */
function isBigEndianText(text: Buffer, isBigBlock: boolean): boolean {
  let zeros = 0
  for (let at = 0; at < text.length; at++) if (text[at] === 0) zeros += at % 2 === 0 ? 1 : -1
  return zeros === 0 ? isBigBlock : zeros > 0
}
