import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { RawPicture, SizeRule } from '../../src/contract/index.ts'
import { checkPicture } from '../../src/images/check-picture.ts'
import { compositeOver } from '../../src/images/convert-channels.ts'
import { convertInBands } from '../../src/images/convert-in-bands.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { maskFromAlpha, maskToAlpha, prepareMask } from '../../src/images/edit-mask.ts'
import { encodePicture } from '../../src/images/encode-picture.ts'
import { padEdit } from '../../src/images/pad-edit.ts'
import { prepareSource } from '../../src/images/prepare-source.ts'
import { fixturePath } from '../support/fixtures.ts'

const input = (name: string) => readFileSync(fixturePath(`images/inputs/${name}.png`))
const RULE: SizeRule = { multiple: 64, min: 64, max: 1024, default: { width: 64, height: 64 } }

describe('prepareSource', () => {
  it('leaves a file alone that a backend can take as it is', async () => {
    const bytes = input('d-150x101')
    const prepared = await prepareSource(bytes)
    expect(prepared).toMatchObject({ mime: 'image/png', extension: '.png', size: { width: 150, height: 101 }, notes: [] })
    expect(prepared.bytes).toBe(bytes)
  })

  it('turns a JPEG upright and drops its EXIF', async () => {
    const bytes = await sharp(input('d-150x101')).withMetadata({ orientation: 6 }).jpeg().toBuffer()
    const prepared = await prepareSource(bytes)
    const { width, height, exif, format } = await sharp(prepared.bytes).metadata()
    expect({ width, height, exif, format }).toEqual({ width: 101, height: 150, format: 'jpeg' })
    expect(prepared.size).toEqual({ width: 101, height: 150 })
  })

  it.each(['gif', 'tiff', 'avif'] as const)('converts %s, which few providers take, to PNG', async (format) => {
    const prepared = await prepareSource(await sharp(input('a-64x64'))[format]().toBuffer())
    expect(prepared.mime).toBe('image/png')
    expect((await sharp(prepared.bytes).metadata()).format).toBe('png')
  })

  it('blends alpha over white, or keeps it when asked', async () => {
    const bytes = input('alpha-40x30')
    const { picture } = await decodePicture((await prepareSource(bytes)).bytes)
    expect(picture.channels).toBe(3)
    // The mask of this picture begins fully transparent at the left.
    expect([...picture.pixels.subarray(0, 3)]).toEqual([255, 255, 255])
    expect((await prepareSource(bytes, { alpha: 'keep' })).bytes).toBe(bytes)
  })
})

describe('prepareMask', () => {
  const size = { width: 2, height: 1 }
  const encode = (channels: 1 | 4, ...pixels: number[]): Promise<Uint8Array> =>
    encodePicture({ kind: 'raw', channels, ...size, pixels: Uint8Array.from(pixels) }, { format: 'png' })
  const read = async (bytes: Uint8Array) => {
    const { pixels } = (await decodePicture(bytes)).picture
    return [pixels[0], pixels[3]]
  }

  it('keeps white as what is to be repainted', async () => {
    expect(await read(await prepareMask(await encode(1, 255, 0), size))).toEqual([255, 0])
  })

  it('reads transparent pixels as what is to be repainted', async () => {
    expect(await read(await prepareMask(await encode(4, 9, 9, 9, 0, 9, 9, 9, 255), size))).toEqual([255, 0])
  })

  it('looks at the colors of a mask whose alpha says nothing', async () => {
    expect(await read(await prepareMask(await encode(4, 255, 255, 255, 255, 0, 0, 0, 255), size))).toEqual([255, 0])
  })

  it('refuses a mask of another size', async () => {
    const mask = await encode(1, 255, 0)
    await expect(prepareMask(mask, { width: 3, height: 1 })).rejects.toThrow(/size of the picture, 3x1, got 2x1/)
  })

  it('refuses a mask without alpha where transparency must tell', async () => {
    await expect(prepareMask(await encode(1, 255, 0), size, 'transparent')).rejects.toThrow(/alpha channel/)
  })

  it("comes back from the providers' convention", async () => {
    const transparent = await maskToAlpha((await decodePicture(await encode(1, 255, 0))).picture)
    expect((await decodePicture(transparent)).picture.pixels[3]).toBe(0)
    expect(await read(await prepareMask(transparent, size, 'transparent'))).toEqual([255, 0])
  })

  it('finds no mask in a picture that hides nothing', async () => {
    const opaque: RawPicture = { kind: 'raw', channels: 4, ...size, pixels: new Uint8Array(8).fill(255) }
    expect(await maskFromAlpha(opaque)).toBeUndefined()
  })
})

describe('a large picture', () => {
  const large = { width: 1024, height: 1024 }
  const pixels = Uint8Array.from({ length: 1024 * 1024 * 4 }, (_, at) => (at * 31 + (at >> 12)) % 256)
  const picture: RawPicture = { kind: 'raw', channels: 4, ...large, pixels }

  it('is converted in bands to the same pixels, between which others have their turn', async () => {
    const whole = compositeOver(picture, [255, 255, 255])
    let turns = 0
    const turn = () => {
      turns++
      next = setImmediate(turn)
    }
    let next = setImmediate(turn)
    const inBands = await convertInBands(picture, 3, (band) => compositeOver(band, [255, 255, 255]))
    clearImmediate(next)
    expect(Buffer.compare(inBands.pixels, whole.pixels)).toBe(0)
    expect(inBands).toMatchObject({ ...large, channels: 3 })
    expect(turns).toBeGreaterThanOrEqual(3)
  })

  it('gives the same mask from its alpha as each of its rows does', async () => {
    const mask = await maskFromAlpha(picture)
    expect(mask).toMatchObject({ ...large, channels: 1 })
    for (const at of [0, 262_143, 262_144, 1_048_575]) expect(mask?.pixels[at]).toBe(255 - pixels[at * 4 + 3]!)
  })

  it('is flat only if its last pixel is like its first', async () => {
    const flat = new Uint8Array(pixels.length).fill(7)
    expect((await checkPicture({ ...picture, pixels: flat })).isFlat).toBe(true)
    flat[flat.length - 2] = 8
    expect((await checkPicture({ ...picture, pixels: flat })).isFlat).toBe(false)
  })
})

describe('padEdit', () => {
  it('extends a source to the grid of the model and cuts the result back', async () => {
    const source = input('d-150x101')
    const padded = await padEdit({ images: [source], mask: input('mask-soft-150x101') }, RULE)
    expect(padded.size).toEqual({ width: 192, height: 128 })
    const extended = (await decodePicture(padded.edit.images[0]!)).picture
    expect([extended.width, extended.height]).toEqual([192, 128])
    expect((await decodePicture(padded.edit.mask!)).picture.width).toBe(192)
    expect(await padded.finish(extended)).toEqual((await decodePicture(source)).picture)
  })

  it('repeats the edges, so that no dark border is drawn into the picture', async () => {
    const padded = await padEdit({ images: [input('e-33x47')] }, RULE)
    const { pixels, width, height } = (await decodePicture(padded.edit.images[0]!)).picture
    const at = (x: number, y: number) => [...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)]
    expect(at(width - 1, 10)).toEqual(at(32, 10))
    expect(at(width - 1, height - 1)).toEqual(at(32, 46))
  })

  it('touches nothing when the source fits', async () => {
    const edit = { images: [input('a-64x64')] }
    expect((await padEdit(edit, RULE)).edit).toBe(edit)
  })

  it('scales a source into the nearest size of a model that draws certain sizes only, and back', async () => {
    const padded = await padEdit({ images: [input('d-150x101')] }, { ...RULE, only: ['64x64', '128x64', '256x256'] })
    expect(padded.size).toEqual({ width: 128, height: 64 })
    const drawn = (await decodePicture(padded.edit.images[0]!)).picture
    const finished = await padded.finish(drawn)
    expect([finished.width, finished.height]).toEqual([150, 101])
    expect(padded.note).toMatch(/64x64, 128x64, 256x256 only.*150x101/)
  })

  it('leaves a result larger that an upscaler enlarged', async () => {
    const padded = await padEdit({ images: [input('d-150x101')] }, RULE)
    const enlarged: RawPicture = { kind: 'raw', channels: 3, width: 384, height: 256, pixels: new Uint8Array(384 * 256 * 3) }
    expect(await padded.finish(enlarged)).toMatchObject({ width: 300, height: 202 })
  })

  it('says what is possible when a source is too large', async () => {
    await expect(padEdit({ images: [input('d-150x101')] }, { ...RULE, max: 128 })).rejects.toThrow(/150x101.*up to 128.*--width/)
  })
})
