import { encodePicture } from '../../../src/images/encode-picture.ts'

/** A small picture of two halves in any format that can be written. */
export async function drawPicture(
  format: 'png' | 'jpeg' | 'webp' | 'avif' = 'png',
  { width = 8, height = 8 }: { width?: number; height?: number } = {},
): Promise<Uint8Array> {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => (at < width * height ? 200 : 40))
  return await encodePicture({ kind: 'raw', pixels, width, height, channels: 3 }, { format })
}

/** A picture's bytes as APIs carry them. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
