import type { Size, VideoRule } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import type { VideoFields } from './video-fields.ts'

/** How long a video will be. */
export interface FramePlan {
  frames: number
  framesPerSecond: number
  /** Sentences about what the model cannot do as asked. */
  notes: readonly string[]
}

const USUAL_SECONDS = 4

/** Pixels of all frames together, which are in memory at once. */
const MAX_PIXELS = 500e6

/** The number of frames nearest to what was asked for that the model can make, at least as many where there is a choice. */
export function planFrames(rule: VideoRule, asked: Pick<VideoFields, 'seconds' | 'fps' | 'num_frames'>): FramePlan {
  const { frameMultiple: multiple, minFrames, maxFrames } = rule
  const framesPerSecond = asked.fps ?? rule.framesPerSecond
  const wanted = asked.num_frames ?? (asked.seconds ?? USUAL_SECONDS) * framesPerSecond
  const fewest = Math.ceil((minFrames - 1) / multiple)
  const most = Math.floor((maxFrames - 1) / multiple)
  const frames = Math.min(most, Math.max(fewest, Math.ceil((wanted - 1) / multiple))) * multiple + 1
  const isOut = wanted < minFrames || wanted > maxFrames || (asked.num_frames !== undefined && frames !== wanted)
  const note = `The model makes videos of ${describeLengths(rule)}: ${wanted} were asked for and ${frames} are made.`
  const isAsked = asked.num_frames !== undefined || asked.seconds !== undefined
  return { frames, framesPerSecond, notes: isOut && isAsked ? [note] : [] }
}

function describeLengths({ frameMultiple, minFrames, maxFrames }: VideoRule): string {
  if (minFrames === maxFrames) return `${minFrames} frames`
  return `${minFrames} to ${maxFrames} frames, one more than a multiple of ${frameMultiple}`
}

/** Throws for more frames of a size than one request may hold in memory. */
export function checkFrames({ width, height }: Size, frames: number): void {
  if (width * height * frames <= MAX_PIXELS) return
  throw new DiffgentorError(
    'invalid_request',
    `A video may have at most ${MAX_PIXELS / 1e6} megapixels in all, got ${frames} frames of ${width}x${height}; ask for fewer or smaller ones.`,
    { field: 'num_frames' },
  )
}
