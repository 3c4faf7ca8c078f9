import type { RawPicture } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { decodePicture } from './decode-picture.ts'
import { findBox, makeBox, makeFullBox, uint16, uint32 } from './iso-boxes.ts'
import { type Av1Film, makeMp4 } from './mp4-file.ts'

/** Content of the boxes of an MP4 file in which a track stands. */
const TRACK = ['moov', 'trak', 'mdia'] as const
const TABLE = [...TRACK, 'minf', 'stbl'] as const

/** The box of XMP names itself by an id before its content. */
const XMP_ID_BYTES = 16

/** Bytes of a sample entry of video before the boxes in it (ISO/IEC 14496-12 §12.1.3). */
const VISUAL_ENTRY = 78

/** A film that `encodeVideo` wrote, frame by frame and not decoded. Throws `unreadable_image` for any other file. */
export function readVideo(bytes: Uint8Array): Av1Film {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const times = findBox(file, ...TRACK, 'mdhd')
  const duration = findBox(file, ...TABLE, 'stts')?.readUInt32BE(12)
  const entry = findBox(findBox(file, ...TABLE, 'stsd')?.subarray(8), 'av01')
  const configuration = findBox(entry?.subarray(VISUAL_ENTRY), 'av1C')
  const sizes = findBox(file, ...TABLE, 'stsz')
  const data = findBox(file, 'mdat')
  if (!times || !duration || !entry || !configuration || !sizes || !data) {
    throw new DiffgentorError('unreadable_image', 'The film is none that diffgentor wrote.')
  }
  return {
    size: { width: entry.readUInt16BE(24), height: entry.readUInt16BE(26) },
    framesPerSecond: times.readUInt32BE(12) / duration,
    configuration,
    samples: cutSamples(data, sizes),
    xmp: findBox(file, 'uuid')?.subarray(XMP_ID_BYTES),
  }
}

function cutSamples(data: Buffer, sizes: Buffer): Buffer[] {
  let end = 0
  return Array.from({ length: sizes.readUInt32BE(8) }, (_, place) => {
    const start = end
    end += sizes.readUInt32BE(12 + place * 4)
    return data.subarray(start, end)
  })
}

/** One frame of a film as a picture. */
export async function decodeFrame(film: Av1Film, place: number): Promise<RawPicture> {
  const sample = film.samples[place]
  if (!sample) throw new RangeError(`the film has ${film.samples.length} frames, not one at ${place}`)
  return (await decodePicture(makeAvif(film, sample))).picture
}

/** A film that goes on with another one of the same size, whose first frame repeats the last of the first; with the recipe of the second. */
export function joinVideos(first: Av1Film, second: Av1Film): Uint8Array {
  const [before, behind] = [first, second].map(({ size }) => `${size.width}x${size.height}`)
  if (before !== behind) throw new DiffgentorError('internal', `A film of ${before} cannot go on with one of ${behind}.`)
  return makeMp4({ ...first, samples: [...first.samples, ...second.samples.slice(1)], xmp: second.xmp })
}

/** A key frame as an AVIF file (AVIF 1.1, on ISO/IEC 23008-12). */
function makeAvif({ size, configuration }: Av1Film, sample: Uint8Array): Uint8Array {
  const type = makeBox('ftyp', Buffer.from('avif'), uint32(0), Buffer.from('avifmif1miaf'))
  const location = (at: number) => makeMeta(size, configuration, { at, length: sample.byteLength })
  const at = type.length + location(0).length + 8
  return Buffer.concat([type, location(at), makeBox('mdat', sample)])
}

function makeMeta(
  { width, height }: Av1Film['size'],
  configuration: Uint8Array,
  { at, length }: { at: number; length: number },
): Buffer {
  const item = 1
  const isEssential = 0x80
  const properties = [
    makeFullBox('ispe', 0, uint32(width, height)),
    makeFullBox('pixi', 0, Buffer.from([3, 8, 8, 8])),
    makeBox('av1C', configuration),
  ]
  return makeFullBox(
    'meta',
    0,
    makeFullBox('hdlr', 0, uint32(0), Buffer.from('pict'), uint32(0, 0, 0), Buffer.from('\0')),
    makeFullBox('pitm', 0, uint16(item)),
    // Offsets and lengths have four bytes each, and there is one extent.
    makeFullBox('iloc', 0, uint16(0x4400, 1, item, 0, 1), uint32(at, length)),
    makeFullBox('iinf', 0, uint16(1), makeFullBox('infe', 0x2000000, uint16(item, 0), Buffer.from('av01\0'))),
    makeBox(
      'iprp',
      makeBox('ipco', ...properties),
      makeFullBox('ipma', 0, uint32(1), uint16(item), Buffer.from([3, 1, 2, isEssential | 3])),
    ),
  )
}
