import sharp from 'sharp'
import type { RawPicture } from '../contract/index.ts'

/** Longest side of a thumbnail, in pixels. */
const THUMBNAIL_PIXELS = 256

/** A small RGB picture of a file, blended over white; undefined when the file cannot be read. */
export async function makeThumbnail(path: string): Promise<RawPicture | undefined> {
  try {
    const { data, info } = await sharp(path, { failOn: 'none' })
      .autoOrient()
      .resize(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return { kind: 'raw', pixels: data, width: info.width, height: info.height, channels: 3 }
  } catch {
    return undefined
  }
}
