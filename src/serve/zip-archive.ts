import { crc32 } from 'node:zlib'

/** A file of an archive; the name is ASCII. */
export interface ZipEntry {
  name: string
  bytes: Uint8Array
}

/** 1 January 1980, the first day that the format knows: archives of equal files are equal. */
const DOS_DATE = 0x0021

/** A ZIP archive that stores its files as they are: pictures are compressed already (APPNOTE.TXT §4.3). */
export function zipStored(entries: readonly ZipEntry[]): Uint8Array {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let offset = 0
  for (const { name, bytes } of entries) {
    const common = commonHeader(name, bytes)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name)])
    directory.push(directoryHeader(common, name, offset))
    parts.push(local, bytes)
    offset += local.byteLength + bytes.byteLength
  }
  const listing = Buffer.concat(directory)
  return Buffer.concat([...parts, listing, endRecord(entries.length, listing.byteLength, offset)])
}

/** The 26 bytes that a local header and a directory header share. */
function commonHeader(name: string, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(26)
  header.writeUInt16LE(20, 0)
  header.writeUInt16LE(DOS_DATE, 8)
  header.writeUInt32LE(crc32(bytes), 10)
  header.writeUInt32LE(bytes.byteLength, 14)
  header.writeUInt32LE(bytes.byteLength, 18)
  header.writeUInt16LE(Buffer.byteLength(name), 22)
  return header
}

function directoryHeader(common: Buffer, name: string, offset: number): Buffer {
  const tail = Buffer.alloc(14)
  tail.writeUInt32LE(offset, 10)
  return Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name)])
}

function endRecord(count: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(22)
  record.write('PK\x05\x06', 'latin1')
  record.writeUInt16LE(count, 8)
  record.writeUInt16LE(count, 10)
  record.writeUInt32LE(size, 12)
  record.writeUInt32LE(offset, 16)
  return record
}
