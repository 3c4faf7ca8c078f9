import sharp from 'sharp'
import { expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { encodeVideo } from '../../src/images/encode-video.ts'
import type { Av1Film } from '../../src/images/mp4-file.ts'
import { decodeFrame, joinVideos, readVideo } from '../../src/images/read-video.ts'
import { readXmpRecipe } from '../../src/images/xmp-packet.ts'

const SIZE = { width: 48, height: 32 }
const COLORS = [
  [200, 30, 30],
  [30, 200, 30],
  [30, 30, 200],
] as const

function flatFrame(color: readonly [number, number, number]): RawPicture {
  const pixels = Uint8Array.from({ length: SIZE.width * SIZE.height * 3 }, (_, place) => color[place % 3]!)
  return { kind: 'raw', ...SIZE, channels: 3, pixels }
}

/** Content of the first box on a path of boxes; `moov` and its kind hold boxes only. */
function findBox(bytes: Buffer, ...path: string[]): Buffer {
  const [type, ...rest] = path
  if (type === undefined) return bytes
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
    if (bytes.toString('latin1', at + 4, at + 8) === type) {
      return findBox(bytes.subarray(at + 8, at + bytes.readUInt32BE(at)), ...rest)
    }
  }
  throw new Error(`no box ${type}`)
}

/** The coded frames of a video, by its own tables. */
function listSamples(film: Buffer): Buffer[] {
  const table = ['moov', 'trak', 'mdia', 'minf', 'stbl']
  const sizes = findBox(film, ...table, 'stsz')
  let at = findBox(film, ...table, 'stco').readUInt32BE(8)
  return Array.from({ length: sizes.readUInt32BE(8) }, (_, place) => {
    const size = sizes.readUInt32BE(12 + place * 4)
    at += size
    return film.subarray(at - size, at)
  })
}

/** Puts a coded frame into the AVIF file of another picture of the same size, for a decoder to judge. */
async function decodeSample(sample: Buffer): Promise<number[]> {
  const other = await sharp(flatFrame([0, 0, 0]).pixels, { raw: { ...SIZE, channels: 3 } })
    .avif({ effort: 2, chromaSubsampling: '4:2:0' })
    .toBuffer()
  const data = other.indexOf('mdat')
  const head = Buffer.from(other.subarray(0, data + 4))
  head.writeUInt32BE(sample.length + 8, data - 4)
  // The last number of the item's location is its length.
  const location = head.indexOf('iloc') - 4
  head.writeUInt32BE(sample.length, location + head.readUInt32BE(location) - 4)
  const { data: pixels } = await sharp(Buffer.concat([head, sample]))
    .raw()
    .toBuffer({ resolveWithObject: true })
  return [...pixels.subarray(0, 3)]
}

it('writes every frame as a picture that an AV1 decoder shows', async () => {
  const film = Buffer.from(await encodeVideo(COLORS.map(flatFrame), { framesPerSecond: 8 }))
  const samples = listSamples(film)
  expect(samples).toHaveLength(3)
  for (const [place, sample] of samples.entries()) {
    const color = await decodeSample(sample)
    color.forEach((value, channel) => {
      expect(Math.abs(value - COLORS[place]![channel]!)).toBeLessThan(8)
    })
  }
})

it('tells size and length, and ends with its last frame', async () => {
  const film = Buffer.from(await encodeVideo(COLORS.map(flatFrame), { framesPerSecond: 8 }))
  const header = findBox(film, 'moov', 'mvhd')
  expect(header.readUInt32BE(16) / header.readUInt32BE(12)).toBe(3 / 8)
  const track = findBox(film, 'moov', 'trak', 'tkhd')
  expect([track.readUInt32BE(76) >> 16, track.readUInt32BE(80) >> 16]).toEqual([48, 32])
  const last = listSamples(film).at(-1)!
  expect(film.subarray(film.length - last.length).equals(last)).toBe(true)
})

it('is the same file for the same frames, and says how it was made', async () => {
  const options = { framesPerSecond: 8, recipe: { prompt: 'a red ball', seed: 7 } }
  const film = await encodeVideo(COLORS.map(flatFrame), options)
  expect(Buffer.from(await encodeVideo(COLORS.map(flatFrame), options)).equals(film)).toBe(true)
  expect(JSON.parse(readXmpRecipe(findBox(Buffer.from(film), 'uuid'))!)).toMatchObject(options.recipe)
})

it('stops between frames, and refuses no frames at all', async () => {
  const signal = AbortSignal.abort(new Error('left'))
  await expect(encodeVideo(COLORS.map(flatFrame), { framesPerSecond: 8, signal })).rejects.toThrow('left')
  await expect(encodeVideo([], { framesPerSecond: 8 })).rejects.toThrow('at least one frame')
})

it('reads its own films back, joins them and decodes their frames', async () => {
  const options = { framesPerSecond: 23.976 }
  const [first, second] = [COLORS, [COLORS[2], COLORS[0]]].map(async (colors) =>
    readVideo(await encodeVideo(colors.map(flatFrame), options)),
  ) as [Promise<Av1Film>, Promise<Av1Film>]
  const joined = readVideo(joinVideos(await first, await second))
  expect(joined.size).toEqual(SIZE)
  expect(joined.framesPerSecond).toBeCloseTo(23.976)
  expect(joined.samples).toHaveLength(4)
  for (const [place, color] of [...COLORS, COLORS[0]].entries()) {
    const { pixels, ...frame } = await decodeFrame(joined, place)
    expect(frame).toMatchObject(SIZE)
    expect([...pixels.subarray(0, 3)].every((value, channel) => Math.abs(value - color[channel]!) <= 4)).toBe(true)
  }
  expect(() => readVideo(Buffer.from('no film'))).toThrow('none that diffgentor wrote')
})
