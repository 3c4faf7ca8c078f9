import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { DiffgentorError } from '../../src/errors.ts'
import { checkPicture } from '../../src/images/check-picture.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { sniffFormat } from '../../src/images/sniff-format.ts'
import { fixturePath } from '../support/fixtures.ts'

const GRADIENT = { raw: { width: 6, height: 4, channels: 3 as const } }
const gradient = () =>
  sharp(
    Uint8Array.from({ length: 72 }, (_, i) => i * 3),
    GRADIENT,
  )

const unreadable = (words: RegExp) => expect.objectContaining({ code: 'unreadable_image', message: expect.stringMatching(words) })

describe('decodePicture', () => {
  it.each(['png', 'jpeg', 'webp', 'avif', 'gif', 'tiff'] as const)('reads %s by its content', async (format) => {
    const decoded = await decodePicture(await gradient()[format]().toBuffer())
    expect(decoded).toMatchObject({ format: { format }, notes: [], picture: { width: 6, height: 4 } })
  })

  it('turns a picture upright as its EXIF orientation says', async () => {
    const bytes = await gradient().withMetadata({ orientation: 6 }).png().toBuffer()
    const { picture } = await decodePicture(bytes)
    expect([picture.width, picture.height]).toEqual([4, 6])
    // The last row's first pixel has come to the top left.
    expect([...picture.pixels.subarray(0, 3)]).toEqual([162, 165, 168])
  })

  it('keeps the high byte of 16-bit pixels', async () => {
    const { picture } = await decodePicture(await gradient().toColourspace('rgb16').png().toBuffer())
    expect([...picture.pixels.subarray(0, 6)]).toEqual([0, 3, 6, 9, 12, 15])
  })

  it('makes three equal channels of gray', async () => {
    const { picture } = await decodePicture(readFileSync(fixturePath('images/inputs/grey-20x20.png')))
    expect(picture.channels).toBe(3)
    expect(picture.pixels[0]).toBe(picture.pixels[1])
  })

  it('keeps alpha', async () => {
    const { picture } = await decodePicture(readFileSync(fixturePath('images/inputs/alpha-40x30.png')))
    expect(picture).toMatchObject({ channels: 4, width: 40, height: 30 })
  })

  it('converts a foreign color profile and leaves sRGB as it is', async () => {
    const plain = await decodePicture(await gradient().png().toBuffer())
    const srgb = await decodePicture(await gradient().withIccProfile('srgb').png().toBuffer())
    expect(srgb.picture.pixels).toEqual(plain.picture.pixels)
    const red = sharp({ create: { width: 1, height: 1, channels: 3, background: '#ff0000' } })
    const p3 = await red.withIccProfile('p3').png().toBuffer()
    const stored = await sharp(p3, { ignoreIcc: true }).raw().toBuffer()
    expect(stored[1]).toBeGreaterThan(40)
    expect((await decodePicture(p3)).picture.pixels[1]).toBeLessThan(4)
  })

  it('takes the first frame of several and says so', async () => {
    const frames = await sharp([await gradient().png().toBuffer(), await gradient().negate().png().toBuffer()], {
      join: { animated: true },
    })
      .gif()
      .toBuffer()
    const { picture, notes } = await decodePicture(frames)
    expect({ height: picture.height, notes }).toEqual({ height: 4, notes: ['Only the first of 2 frames is used.'] })
  })
})

describe('decodePicture refuses, in one sentence,', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(), /empty/],
    ['text', Buffer.from('hello'), /no picture/],
    ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0heicmif1', 'latin1'), /HEIC.*convert/],
    ['SVG', Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG.*convert/],
    ['a signature alone', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /broken or cut off/],
  ])('%s', async (_, bytes, words) => {
    await expect(decodePicture(bytes)).rejects.toEqual(unreadable(words))
  })

  it.each(['png', 'jpeg', 'webp', 'avif'] as const)('a %s cut in half', async (format) => {
    const bytes = await sharp(readFileSync(fixturePath('images/inputs/d-150x101.png')))
      [format]()
      .toBuffer()
    await expect(decodePicture(bytes.subarray(0, bytes.length / 2))).rejects.toEqual(unreadable(/broken or cut off/))
  })

  it('a small file that claims a giant picture', async () => {
    await expect(decodePicture(pngHeader(60_000, 60_000))).rejects.toEqual(unreadable(/60000x60000/))
  })

  it('more bytes than allowed', async () => {
    const bytes = await gradient().png().toBuffer()
    await expect(decodePicture(bytes, { maxBytes: 20 })).rejects.toEqual(unreadable(/20 allowed/))
  })

  it('whatever noise follows a signature, without any other kind of error', async () => {
    const signatures = ['\x89PNG\r\n\x1a\n', '\xff\xd8\xff', 'RIFF\0\0\0\0WEBP', 'GIF89a', 'II*\0', '\0\0\0\x18ftypavif']
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...signatures), fc.uint8Array({ maxLength: 200 }), async (head, noise) => {
        const result = await decodePicture(Buffer.concat([Buffer.from(head, 'latin1'), noise])).catch((error: unknown) => error)
        if (result instanceof Error) expect(result).toBeInstanceOf(DiffgentorError)
      }),
      { numRuns: 200 },
    )
  })
})

/** A PNG of one gray level: header and an empty body. */
function pngHeader(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    return Buffer.concat([length, Buffer.from(type, 'latin1'), data, Buffer.alloc(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(10))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

describe('sniffFormat', () => {
  it('does not take a text for a picture', () => {
    expect(sniffFormat(Buffer.from('GIF is a format'))).toBeUndefined()
    expect(sniffFormat(Buffer.from('<html>'))).toBeUndefined()
  })
})

describe('checkPicture', () => {
  const raw = (pixels: Uint8Array) => ({ kind: 'raw' as const, pixels, width: 2, height: 1, channels: 3 as const })

  it('tells a picture of one flat color from a drawn one', async () => {
    expect(await checkPicture(raw(Uint8Array.of(1, 2, 3, 1, 2, 3)))).toEqual({ width: 2, height: 1, isFlat: true })
    expect((await checkPicture(raw(Uint8Array.of(1, 2, 3, 1, 2, 4)))).isFlat).toBe(false)
  })

  it('refuses a wrong size and missing pixels', async () => {
    const picture = raw(new Uint8Array(6))
    await expect(checkPicture(picture, { width: 2, height: 2 })).rejects.toThrow(/should be 2x2/)
    await expect(checkPicture(raw(new Uint8Array(5)))).rejects.toThrow(/5 bytes/)
  })

  it('decodes what a provider sent', async () => {
    const bytes = await gradient().webp().toBuffer()
    expect(await checkPicture({ kind: 'encoded', bytes })).toEqual({ width: 6, height: 4, isFlat: false })
    await expect(checkPicture({ kind: 'encoded', bytes: bytes.subarray(0, 40) })).rejects.toEqual(unreadable(/broken/))
  })
})
