import sharp from 'sharp'

/** A flat PNG of a size. */
export async function makePng(width: number, height: number, background: string = 'red'): Promise<Buffer> {
  return await sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer()
}

/** A PNG of about width × height × 3 bytes. */
export async function makeUncompressedPng(width: number, height: number): Promise<Buffer> {
  const create = { width, height, channels: 3, background: 'red' } as const
  return await sharp({ create }).png({ compressionLevel: 0 }).toBuffer()
}

/** A PNG whose left half is fully transparent. */
export async function makeHalfTransparentPng(width: number, height: number): Promise<Buffer> {
  const pixels = new Uint8Array(width * height * 4).fill(255)
  for (let place = 0; place < width * height; place++) if (place % width < width / 2) pixels[place * 4 + 3] = 0
  return await sharp(pixels, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer()
}

/** Gray values of a picture, row by row. */
export async function readGrays(bytes: Uint8Array): Promise<number[]> {
  return [...(await sharp(bytes).greyscale().raw().toBuffer())]
}

/** Width, height and format of a picture's bytes. */
export async function lookAt(bytes: Uint8Array): Promise<{ width: number; height: number; format: string }> {
  const { width, height, format } = await sharp(bytes).metadata()
  return { width, height, format }
}
