import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import { isForm, readForm } from '../../http/form-body.ts'
import { type RawFields, readJsonFields } from '../../http/json-body.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { answerOrdered } from './order-answer.ts'
import type { VideoBoard } from './video-board.ts'
import { EXTENSION_FIELDS, VIDEO_ANSWER, VIDEO_EDIT_FIELDS } from './video-fields.ts'

const TAG = 'Videos'

/** The routes that begin with a video of this server: an edit draws it with other words, an extension goes on from its end. */
export function registerEdits(book: RouteBook, services: Services, board: VideoBoard): void {
  const answers = [{ status: 200, description: 'The video', schema: VIDEO_ANSWER }]
  book.add(
    {
      method: 'post',
      path: '/v1/videos/edits',
      tag: TAG,
      summary: 'Order a video of this server with other words',
      json: VIDEO_EDIT_FIELDS,
      form: VIDEO_EDIT_FIELDS,
      example: { prompt: 'a blue balloon rises', video: { id: 'VIDEO_ID' } },
      answers,
    },
    async (c) => {
      const { prompt, video } = parseFields(VIDEO_EDIT_FIELDS, await readFields(services, c))
      return answerOrdered(await board.remix(readId(video), ownerOf(c), prompt))
    },
  )
  book.add(
    {
      method: 'post',
      path: '/v1/videos/extensions',
      tag: TAG,
      summary: 'Order a video of this server with something behind its end',
      description: 'Needs a model that makes videos from a picture. The answer is all of the video, from its beginning.',
      json: EXTENSION_FIELDS,
      form: EXTENSION_FIELDS,
      example: { prompt: 'the balloon bursts', video: { id: 'VIDEO_ID' }, seconds: 4 },
      answers,
    },
    async (c) => {
      const { prompt, video, seconds } = parseFields(EXTENSION_FIELDS, await readFields(services, c))
      return answerOrdered(await board.extend(readId(video), ownerOf(c), prompt, seconds))
    },
  )
  refuse(book, 'post', '/v1/videos/characters', 'Keeping a character')
  refuse(book, 'get', '/v1/videos/characters/{id}', 'Telling about a character')
}

function refuse(book: RouteBook, method: 'get' | 'post', path: string, what: string): void {
  book.add(
    {
      method,
      path,
      tag: TAG,
      summary: `${what}: not offered`,
      answers: [{ status: 501, description: 'Never done', schema: z.object({ detail: z.string() }) }],
    },
    () => {
      throw new DiffgentorError('not_offered', `${what} is not offered by this server.`)
    },
  )
}

function readId(video: z.output<typeof VIDEO_EDIT_FIELDS>['video']): string {
  if (video !== undefined) return typeof video === 'string' ? video : video.id
  throw new DiffgentorError('invalid_request', 'video must name a video of this server by its id; files are not taken.', {
    field: 'video',
  })
}

async function readFields(services: Services, c: ServerContext): Promise<RawFields> {
  return isForm(c) ? (await readForm(c, services.limits)).fields : await readJsonFields(c, services.limits.maxBody)
}
