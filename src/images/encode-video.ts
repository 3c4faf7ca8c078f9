import sharp from 'sharp'
import type { RawPicture } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { findBox, readBoxes } from './iso-boxes.ts'
import { makeMp4 } from './mp4-file.ts'
import { type Recipe, serializeRecipe } from './recipe.ts'
import { makeXmp } from './xmp-packet.ts'

export interface VideoOptions {
  framesPerSecond: number
  /** 1–100. Default 60. */
  quality?: number | undefined
  /** Stored in the file. */
  recipe?: Recipe | undefined
  /** Looked at between frames. */
  signal?: AbortSignal | undefined
}

/** Frames encoded at once; each of them uses a thread of the encoder's pool. */
const AT_ONCE = 2

/** The speed at which a frame costs a fraction of what drawing it did. */
const EFFORT = 2

/**
 * Frames as an MP4 file with AV1 video, which browsers and players show. Every frame is a key frame: an AVIF picture is one, so
 * no video encoder is needed. All frames must have one size. Equal frames give equal bytes.
 */
export async function encodeVideo(frames: readonly RawPicture[], options: VideoOptions): Promise<Uint8Array> {
  const [first] = frames
  if (!first) throw new DiffgentorError('invalid_request', 'A video needs at least one frame, got none.')
  const encoded: KeyFrame[] = []
  for (let place = 0; place < frames.length; place += AT_ONCE) {
    options.signal?.throwIfAborted()
    const some = frames.slice(place, place + AT_ONCE)
    encoded.push(...(await Promise.all(some.map((frame) => encodeFrame(frame, options.quality ?? 60)))))
  }
  const { recipe } = options
  return makeMp4({
    size: first,
    framesPerSecond: options.framesPerSecond,
    configuration: encoded[0]!.configuration,
    samples: encoded.map((frame) => frame.sample),
    xmp: recipe && makeXmp({ json: serializeRecipe(recipe), prompt: recipe.prompt, version: recipe.version ?? 'diffgentor' }),
  })
}

interface KeyFrame {
  configuration: Buffer
  sample: Buffer
}

async function encodeFrame({ pixels, width, height, channels }: RawPicture, quality: number): Promise<KeyFrame> {
  const avif = await sharp(pixels, { raw: { width, height, channels }, limitInputPixels: false })
    .flatten({ background: '#ffffff' })
    .toColorspace('srgb')
    .avif({ quality, effort: EFFORT, chromaSubsampling: '4:2:0' })
    .toBuffer()
  return takeKeyFrame(avif)
}

/** Temporal delimiters stand in streams, not in files (AV1 in ISOBMFF 1.2 §2.4). */
const TEMPORAL_DELIMITER = Buffer.from([0x12, 0])

/** The coded frame of an AVIF file that holds nothing but one picture without alpha. */
function takeKeyFrame(avif: Buffer): KeyFrame {
  const top = new Map([...readBoxes(avif)].map(({ type, content }) => [type, content]))
  const data = top.get('mdat')
  const configuration = findConfiguration(top.get('meta'))
  if (!data || !configuration) throw new DiffgentorError('internal', 'A frame of a video could not be encoded as AV1.')
  const sample = data.subarray(0, 2).equals(TEMPORAL_DELIMITER) ? data.subarray(2) : data
  // Players of streams want the sequence header, the sample's first unit, beside the configuration too.
  return { configuration: Buffer.concat([configuration.subarray(0, 4), sample.subarray(0, 2 + sample[1]!)]), sample }
}

function findConfiguration(meta: Buffer | undefined): Buffer | undefined {
  return findBox(meta?.subarray(4), 'iprp', 'ipco', 'av1C')
}
