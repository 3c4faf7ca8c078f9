/** The two blocks that carry a recipe outside PNG. */
export interface MetadataBlocks {
  /** A TIFF structure, without the `Exif\0\0` mark. */
  exif: Uint8Array
  /** An XMP packet. */
  xmp: Uint8Array
}

const EXIF_MARK = Buffer.from('Exif\0\0', 'latin1')
const XMP_MARK = Buffer.from('http://ns.adobe.com/xap/1.0/\0', 'latin1')
/** What a segment holds beside its own length. */
const MAX_SEGMENT_BYTES = 65_533

const APP0 = 0xe0
const APP1 = 0xe1
const APP11 = 0xeb
const APP13 = 0xed
const COMMENT = 0xfe
const START_OF_SCAN = 0xda

/**
 * Puts EXIF and XMP into a JPEG file in place of its own, without touching the picture. Without blocks every kind of metadata goes
 * (EXIF, XMP, IPTC, content credentials, comments) but color profiles. A block over the 64 kB of a segment is left out.
 * The new file is given as pieces, which share the old one's memory.
 */
export function setJpegMetadata(bytes: Uint8Array, blocks: MetadataBlocks | undefined): Uint8Array[] {
  const dropped = blocks ? [APP1] : [APP1, APP11, APP13, COMMENT]
  const parts: Uint8Array[] = [bytes.subarray(0, 2)]
  const added = blocks ? [makeSegment(EXIF_MARK, blocks.exif), makeSegment(XMP_MARK, blocks.xmp)].flat() : []
  let at = 2
  let isAdded = false
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== START_OF_SCAN) {
    const marker = bytes[at + 1]!
    const end = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!)
    if (marker !== APP0 && !isAdded) {
      parts.push(...added)
      isAdded = true
    }
    if (!dropped.includes(marker)) parts.push(bytes.subarray(at, end))
    at = end
  }
  if (!isAdded) parts.push(...added)
  parts.push(bytes.subarray(at))
  return parts
}

function makeSegment(mark: Uint8Array, data: Uint8Array): Uint8Array[] {
  const length = mark.length + data.length
  if (length > MAX_SEGMENT_BYTES) return []
  return [Buffer.from([0xff, APP1, (length + 2) >> 8, (length + 2) & 0xff]), mark, data]
}
