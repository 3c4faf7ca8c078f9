/** A picture format that can be read. */
export type PictureFormat = 'png' | 'jpeg' | 'webp' | 'avif' | 'gif' | 'tiff'

/** What the first bytes of a file say about it. */
export interface SniffedFormat {
  /** `heic` and `svg` are known by sight only, so that the message can say what to do. */
  format: PictureFormat | 'heic' | 'svg'
  mime: string
  /** With the dot. */
  extension: string
}

const FORMATS: Record<SniffedFormat['format'], SniffedFormat> = {
  png: { format: 'png', mime: 'image/png', extension: '.png' },
  jpeg: { format: 'jpeg', mime: 'image/jpeg', extension: '.jpg' },
  webp: { format: 'webp', mime: 'image/webp', extension: '.webp' },
  avif: { format: 'avif', mime: 'image/avif', extension: '.avif' },
  gif: { format: 'gif', mime: 'image/gif', extension: '.gif' },
  tiff: { format: 'tiff', mime: 'image/tiff', extension: '.tiff' },
  heic: { format: 'heic', mime: 'image/heic', extension: '.heic' },
  svg: { format: 'svg', mime: 'image/svg+xml', extension: '.svg' },
}

/** Tells a picture's format by its content; names and headers are not to be trusted. Undefined: not a picture we know. */
export function sniffFormat(bytes: Uint8Array): SniffedFormat | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512)).toString('latin1')
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return FORMATS.png
  if (head.startsWith('\xff\xd8\xff')) return FORMATS.jpeg
  if (head.startsWith('RIFF') && head.startsWith('WEBP', 8)) return FORMATS.webp
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return FORMATS.gif
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return FORMATS.tiff
  if (head.startsWith('ftyp', 4)) return sniffBrand(head)
  if (/^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<svg[\s>]/.test(head)) return FORMATS.svg
  return undefined
}

/** AVIF and HEIC share their container and differ in the brands of its first box. */
function sniffBrand(head: string): SniffedFormat | undefined {
  const length = Math.min(readUint32(head, 0), head.length)
  const brands = [head.slice(8, 12), ...(head.slice(16, length).match(/[\s\S]{4}/g) ?? [])]
  if (brands.includes('avif') || brands.includes('avis')) return FORMATS.avif
  if (brands.some((brand) => /^(?:hei[cxms]|hev[cx]|mif1|msf1)$/.test(brand))) return FORMATS.heic
  return undefined
}

function readUint32(text: string, at: number): number {
  return Buffer.from(text.slice(at, at + 4), 'latin1').readUInt32BE(0)
}
