import { z } from 'zod'
import { encodePicture } from '../../../images/encode-picture.ts'
import { Base64Bytes, jsonAnswer } from '../../http/json-answer.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook } from '../../http/route-book.ts'
import { parseFields, wireBoolean } from '../../requests/wire-fields.ts'
import type { Desk, Sitting } from './desk.ts'
import { formatTimestamp } from './draw-answer.ts'
import { A1111_ERRORS } from './errors.ts'

const PROGRESS_QUERY = z.object({ skip_current_image: wireBoolean.describe('true leaves current_image out') })

const PROGRESS = z.object({
  progress: z.number().describe('Share of the request that is done, 0–1; 0 when there is none'),
  eta_relative: z.number().describe('Seconds until it is done'),
  state: z.object({
    skipped: z.boolean(),
    interrupted: z.boolean(),
    job: z.string(),
    job_count: z.int(),
    job_timestamp: z.string(),
    job_no: z.int(),
    sampling_step: z.int(),
    sampling_steps: z.int(),
  }),
  current_image: z.string().nullable().describe('Rough view of the unfinished picture, PNG in base64'),
  textinfo: z.string().nullable(),
})

export function registerProgress(book: RouteBook, desk: Desk): void {
  const common = { tag: 'AUTOMATIC1111', ...A1111_ERRORS } as const
  book.add(
    {
      ...common,
      method: 'get',
      path: '/sdapi/v1/progress',
      summary: 'Tell how far the caller’s request is',
      query: PROGRESS_QUERY,
      answers: [{ status: 200, description: 'The progress', schema: PROGRESS }],
    },
    async (c) => {
      const { skip_current_image: skips } = parseFields(PROGRESS_QUERY, c.req.query())
      const sitting = desk.current(ownerOf(c))
      const preview = skips ? undefined : sitting?.preview
      const image = preview && new Base64Bytes(await encodePicture(preview, { format: 'png' }))
      return jsonAnswer({ ...describeProgress(sitting), current_image: image ?? null, textinfo: null })
    },
  )
  book.add(
    {
      ...common,
      method: 'post',
      path: '/sdapi/v1/interrupt',
      summary: 'End the caller’s request; it answers with what is finished',
      answers: [{ status: 200, description: 'Done', schema: z.object({}) }],
    },
    (c) => {
      desk.current(ownerOf(c))?.interrupt()
      return jsonAnswer({})
    },
  )
  book.add(
    {
      ...common,
      method: 'post',
      path: '/sdapi/v1/skip',
      summary: 'Go on with the next turn of the caller’s request',
      answers: [{ status: 200, description: 'Done', schema: z.null() }],
    },
    (c) => {
      desk.current(ownerOf(c))?.skip()
      return jsonAnswer(null)
    },
  )
}

function describeProgress(sitting: Sitting | undefined): object {
  return {
    progress: sitting?.share ?? 0,
    eta_relative: sitting?.secondsLeft ?? 0,
    state: {
      skipped: sitting?.isSkipped ?? false,
      interrupted: sitting?.isInterrupted ?? false,
      job: sitting ? `Batch ${sitting.turn + 1} out of ${sitting.turns}` : '',
      job_count: sitting?.turns ?? 0,
      job_timestamp: sitting ? formatTimestamp(sitting.startedAt) : '0',
      job_no: sitting?.turn ?? 0,
      sampling_step: sitting?.step ?? 0,
      sampling_steps: sitting?.totalSteps ?? 0,
    },
  }
}
