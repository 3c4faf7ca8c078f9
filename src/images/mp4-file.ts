import type { Size } from '../contract/index.ts'
import { makeBox, makeFullBox, uint16, uint32 } from './iso-boxes.ts'

/** An AV1 film whose every sample is a key frame. */
export interface Av1Film {
  size: Size
  framesPerSecond: number
  /** Content of the `av1C` box. */
  configuration: Uint8Array
  /** One for each frame: its units without temporal delimiters. */
  samples: readonly Uint8Array[]
  /** An XMP packet. */
  xmp?: Uint8Array | undefined
}

/** Units of time in one frame, so that rates such as 23.976 stay exact to a thousandth. */
const FRAME_TIME = 1000

/** The box type under which XMP stands in this format (XMP Specification Part 3 §1.2.7). */
const XMP_ID = Buffer.from('be7acfcb97a942e89c71999491e3afac', 'hex')

/** No turning, no scaling, in the fixed point of the format. */
const IDENTITY = uint32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

/** Undetermined language, as three 5-bit letters. */
const UNDETERMINED = 0x55c4

/**
 * An MP4 file (ISO/IEC 14496-12 and -14; AV1 in ISOBMFF 1.2) with one track. The index stands before the frames, so that players
 * begin before the last byte has come. It holds no dates.
 */
export function makeMp4(film: Av1Film): Uint8Array {
  const type = makeBox('ftyp', Buffer.from('isom'), uint32(0x200), Buffer.from('isomiso2av01mp41'))
  const xmp = film.xmp ? makeBox('uuid', XMP_ID, film.xmp) : Buffer.alloc(0)
  const measured = makeMovie(film, 0)
  const firstFrame = type.length + measured.length + xmp.length + 8
  return Buffer.concat([type, makeMovie(film, firstFrame), xmp, makeBox('mdat', ...film.samples)])
}

function makeMovie(film: Av1Film, firstFrame: number): Buffer {
  const timescale = Math.round(film.framesPerSecond * FRAME_TIME)
  const duration = film.samples.length * FRAME_TIME
  const header = makeFullBox(
    'mvhd',
    0,
    uint32(0, 0, timescale, duration, 0x10000),
    uint16(0x100, 0),
    uint32(0, 0),
    IDENTITY,
    uint32(0, 0, 0, 0, 0, 0, 2),
  )
  return makeBox('moov', header, makeTrack(film, { timescale, duration, firstFrame }))
}

interface TrackTimes {
  timescale: number
  duration: number
  firstFrame: number
}

function makeTrack(film: Av1Film, { timescale, duration, firstFrame }: TrackTimes): Buffer {
  const { width, height } = film.size
  const isEnabledInMovie = 3
  const header = makeFullBox(
    'tkhd',
    isEnabledInMovie,
    uint32(0, 0, 1, 0, duration, 0, 0),
    uint16(0, 0, 0, 0),
    IDENTITY,
    uint32(width * 0x10000, height * 0x10000),
  )
  const media = makeBox(
    'mdia',
    makeFullBox('mdhd', 0, uint32(0, 0, timescale, duration), uint16(UNDETERMINED, 0)),
    makeFullBox('hdlr', 0, uint32(0), Buffer.from('vide'), uint32(0, 0, 0), Buffer.from('video\0')),
    makeBox(
      'minf',
      makeFullBox('vmhd', 1, uint16(0, 0, 0, 0)),
      makeBox('dinf', makeFullBox('dref', 0, uint32(1), makeFullBox('url ', 1))),
      makeSampleTable(film, firstFrame),
    ),
  )
  return makeBox('trak', header, media)
}

/** Without `stss`, every sample is one where playing may begin. */
function makeSampleTable(film: Av1Film, firstFrame: number): Buffer {
  const count = film.samples.length
  return makeBox(
    'stbl',
    makeFullBox('stsd', 0, uint32(1), makeSampleEntry(film)),
    makeFullBox('stts', 0, uint32(1, count, FRAME_TIME)),
    makeFullBox('stsc', 0, uint32(1, 1, count, 1)),
    makeFullBox('stsz', 0, uint32(0, count, ...film.samples.map((sample) => sample.byteLength))),
    makeFullBox('stco', 0, uint32(1, firstFrame)),
  )
}

function makeSampleEntry({ size, configuration }: Av1Film): Buffer {
  const name = Buffer.alloc(32)
  return makeBox(
    'av01',
    uint16(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, size.width, size.height),
    uint32(0x480000, 0x480000, 0),
    uint16(1),
    name,
    uint16(24, 0xffff),
    makeBox('av1C', configuration),
  )
}
