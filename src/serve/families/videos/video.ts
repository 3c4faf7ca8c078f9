import type { Size } from '../../../contract/index.ts'
import type { DrawOrder } from '../../drawing.ts'
import { formatSize } from '../../requests/size-text.ts'
import type { Ticket } from '../../run-queue.ts'
import type { VideoAnswer } from './video-fields.ts'

/** A video that was ordered: what is to be drawn, and how it is played. */
export interface VideoPlan {
  /** One picture of many frames; with a seed, so that it can be drawn again. */
  order: DrawOrder & { seed: number }
  /** As far as it is known before it is drawn. */
  size: Size
  frames: number
  framesPerSecond: number
  /** The film, as MP4, that this one goes on from: its frames stand before those that are drawn, and count among `frames`. */
  beginning?: Uint8Array | undefined
  /** Sentences about what could not be done as asked. */
  notes: readonly string[]
}

/** Ids in the server's picture store. */
export interface VideoFiles {
  video: string
  thumbnail: string
  spritesheet: string
}

/** One video of the board. */
export interface Video {
  readonly id: string
  /** Digest of the key that ordered it; others do not see it. */
  readonly owner: string
  /** It holds neither pictures nor a film: those lie in the store under `reference`. */
  readonly plan: VideoPlan
  /** Unix seconds. */
  readonly createdAt: number
  readonly remixedFrom: string | undefined
  /** Where the pictures lie that it begins with and, behind them, the film that it goes on from. */
  reference: string | undefined
  readonly goesOn: boolean
  /** In pixels. */
  size: Size
  state: 'pending' | 'completed' | 'failed'
  /** Its place in the queue, until it is finished. */
  ticket: Ticket<unknown> | undefined
  /** Steps behind it, 0–1. */
  share: number
  /** When its drawing began, by the clock of `performance`. */
  startedAt: number | undefined
  completedAt: number | undefined
  expiresAt: number | undefined
  inferenceSeconds: number | undefined
  files: VideoFiles | undefined
  error: { code: string; message: string } | undefined
  warnings: readonly string[]
}

/** A video in the words of the wire. */
export function describeVideo(video: Video): VideoAnswer {
  const { order, frames, framesPerSecond, notes } = video.plan
  const status = statusOf(video)
  return {
    id: video.id,
    object: 'video',
    model: order.model.id,
    status,
    progress: status === 'completed' ? 100 : Math.floor(video.share * 99),
    created_at: video.createdAt,
    completed_at: video.completedAt ?? null,
    expires_at: video.expiresAt ?? null,
    prompt: order.request.prompt,
    size: formatSize(video.size),
    seconds: String(Math.max(1, Math.round(frames / framesPerSecond))),
    quality: 'standard',
    remixed_from_video_id: video.remixedFrom ?? null,
    error: video.error ?? null,
    num_frames: frames,
    fps: framesPerSecond,
    seed: order.seed,
    inference_time_s: video.inferenceSeconds ?? null,
    warnings: [...notes, ...video.warnings],
  }
}

/** Encoding counts as being in progress. */
function statusOf({ state, ticket }: Video): VideoAnswer['status'] {
  if (state !== 'pending') return state
  return ticket === undefined || ticket.state === 'waiting' ? 'queued' : 'in_progress'
}
