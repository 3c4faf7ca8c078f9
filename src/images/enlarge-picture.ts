import sharp from 'sharp'
import type { RawPicture, Size } from '../contract/index.ts'

/** How the pixels between the known ones are made up. */
export type EnlargeFilter = 'lanczos' | 'nearest'

/** Brings a picture to a size outside of the event loop, for large results that need not match another library's pixels. */
export async function enlargePicture(picture: RawPicture, size: Size, filter: EnlargeFilter): Promise<RawPicture> {
  const { pixels, width, height, channels } = picture
  const { data, info } = await sharp(pixels, { raw: { width, height, channels }, limitInputPixels: false })
    .resize(size.width, size.height, { fit: 'fill', kernel: filter === 'nearest' ? 'nearest' : 'lanczos3' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return { kind: 'raw', pixels: data, width: info.width, height: info.height, channels: info.channels as RawPicture['channels'] }
}
