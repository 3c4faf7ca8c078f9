import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import { isForm, readForm } from '../../http/form-body.ts'
import { type RawFields, readJsonFields } from '../../http/json-body.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook, RouteHandler } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { answerOrdered } from './order-answer.ts'
import type { VideoBoard } from './video-board.ts'
import { VIDEO_ANSWER, VIDEO_EDIT_FIELDS } from './video-fields.ts'

/** The routes that begin with a film: an edit of a video of this server draws it with other words; the rest is not offered. */
export function registerEdits(book: RouteBook, services: Services, board: VideoBoard): void {
  book.add(
    {
      method: 'post',
      path: '/v1/videos/edits',
      tag: 'Videos',
      summary: 'Order a video of this server with other words',
      json: VIDEO_EDIT_FIELDS,
      form: VIDEO_EDIT_FIELDS,
      example: { prompt: 'a blue balloon rises', video: { id: 'VIDEO_ID' } },
      answers: [{ status: 200, description: 'The video', schema: VIDEO_ANSWER }],
    },
    async (c) => {
      const { prompt, video } = parseFields(VIDEO_EDIT_FIELDS, await readFields(services, c))
      if (video === undefined) {
        throw new DiffgentorError('invalid_request', 'video must name a video of this server by its id; files are not taken.', {
          field: 'video',
        })
      }
      return answerOrdered(await board.remix(typeof video === 'string' ? video : video.id, ownerOf(c), prompt))
    },
  )
  const refuse = (method: 'get' | 'post', path: string, what: string) =>
    book.add(
      {
        method,
        path,
        tag: 'Videos',
        summary: `${what}: not offered`,
        answers: [{ status: 501, description: 'Never done', schema: z.object({ detail: z.string() }) }],
      },
      refuseWith(`${what} is not offered by this server.`),
    )
  refuse('post', '/v1/videos/extensions', 'Extending a video')
  refuse('post', '/v1/videos/characters', 'Keeping a character')
  refuse('get', '/v1/videos/characters/{id}', 'Telling about a character')
}

async function readFields(services: Services, c: ServerContext): Promise<RawFields> {
  return isForm(c) ? (await readForm(c, services.limits)).fields : await readJsonFields(c, services.limits.maxBody)
}

function refuseWith(message: string): RouteHandler {
  return () => {
    throw new DiffgentorError('not_offered', message)
  }
}
