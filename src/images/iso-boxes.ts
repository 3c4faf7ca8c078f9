/** A box of the ISO base media file format (ISO/IEC 14496-12 §4.2) as read from a file. */
export interface IsoBox {
  /** Four characters. */
  type: string
  /** Without the header. */
  content: Buffer
}

/** The boxes that stand one after the other in some bytes. A torn one ends the list. */
export function* readBoxes(bytes: Buffer): Generator<IsoBox> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32BE(at)
    if (size < 8 || at + size > bytes.length) return
    yield { type: bytes.toString('latin1', at + 4, at + 8), content: bytes.subarray(at + 8, at + size) }
    at += size
  }
}

/** Content of the first box on a path of boxes that hold nothing but boxes; undefined when one is not there. */
export function findBox(bytes: Buffer | undefined, ...path: readonly string[]): Buffer | undefined {
  const [type, ...rest] = path
  if (type === undefined || bytes === undefined) return bytes
  for (const box of readBoxes(bytes)) if (box.type === type) return findBox(box.content, ...rest)
  return undefined
}

/** A box around its parts. */
export function makeBox(type: string, ...parts: readonly Uint8Array[]): Buffer {
  const size = parts.reduce((total, part) => total + part.byteLength, 8)
  const header = Buffer.alloc(8)
  header.writeUInt32BE(size)
  header.write(type, 4, 'latin1')
  return Buffer.concat([header, ...parts], size)
}

/** A box with a version (0) and flags before its parts. */
export function makeFullBox(type: string, flags: number, ...parts: readonly Uint8Array[]): Buffer {
  return makeBox(type, uint32(flags), ...parts)
}

export function uint16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  values.forEach((value, place) => void bytes.writeUInt16BE(value, place * 2))
  return bytes
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, place) => void bytes.writeUInt32BE(value, place * 4))
  return bytes
}
