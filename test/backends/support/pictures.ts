import { encodePicture } from '../../../src/images/encode-picture.ts'

/** A small picture of one color in any format that can be written. */
export async function drawPicture(
  format: 'png' | 'jpeg' | 'webp' | 'avif' = 'png',
  { width = 8, height = 8, color = [200, 40, 90] }: { width?: number; height?: number; color?: readonly number[] } = {},
): Promise<Uint8Array> {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => color[at % 3]!)
  return await encodePicture({ kind: 'raw', pixels, width, height, channels: 3 }, { format })
}

/** A picture's bytes as APIs carry them. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
