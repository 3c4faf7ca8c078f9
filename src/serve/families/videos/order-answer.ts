import { jsonAnswer } from '../../http/json-answer.ts'
import { describeVideo, type Video } from './video.ts'

/** An order that was just taken is queued, even where its drawing has begun in the meantime. */
export function answerOrdered(video: Video): Response {
  return jsonAnswer({ ...describeVideo(video), status: 'queued', progress: 0 }, 200, pollHeaders(video))
}

/** Pauses between two questions about a video, in milliseconds. */
const SHORTEST_POLL = 100
const USUAL_POLL = 1000
const LONGEST_POLL = 10_000

/** When clients that wait should ask again: four times until the end. */
export function pollHeaders({ state, ticket }: Video): Record<string, string> {
  if (state !== 'pending') return {}
  const eta = ticket?.etaSeconds
  const pause = eta === undefined ? USUAL_POLL : Math.min(LONGEST_POLL, Math.max(SHORTEST_POLL, Math.round(eta * 250)))
  return { 'openai-poll-after-ms': String(pause) }
}
