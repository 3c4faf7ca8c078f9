import { z } from 'zod'
import { jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { registerContent } from './content-route.ts'
import { registerEdits } from './edit-routes.ts'
import { answerOrdered, pollHeaders } from './order-answer.ts'
import { chooseVideoModel, readVideo } from './read-video.ts'
import { describeVideo, type Video } from './video.ts'
import { VideoBoard } from './video-board.ts'
import { REMIX_FIELDS, VIDEO_ANSWER, VIDEO_FIELDS, VIDEO_PAGE } from './video-fields.ts'

const TAG = 'Videos'
const VIDEO = { status: 200, description: 'The video', schema: VIDEO_ANSWER }
const DELETED = z.object({
  id: z.string(),
  object: z.literal('video.deleted'),
  deleted: z.literal(true),
  status: z.literal('deleted'),
})

/** OpenAI's videos, with SGLang's fields. */
export function registerVideos(book: RouteBook, services: Services): void {
  const board = new VideoBoard(services)
  registerOrders(book, services, board)
  registerReading(book, board)
  registerContent(book, services, board)
  registerEdits(book, services, board)
}

function registerOrders(book: RouteBook, services: Services, board: VideoBoard): void {
  book.add(
    {
      method: 'post',
      path: '/v1/videos',
      tag: TAG,
      summary: 'Order a video',
      description: 'Needs a model that makes videos. The video is drawn in its turn; ask for it until its status is completed.',
      json: VIDEO_FIELDS,
      form: VIDEO_FIELDS,
      example: { prompt: 'a red balloon rises', seconds: 4, seed: 42 },
      answers: [VIDEO],
    },
    async (c) => {
      chooseVideoModel(services, undefined)
      const plan = await readVideo(services, c)
      c.set('facts', { model: plan.order.model.id, prompt: services.settings.logPrompts ? plan.order.request.prompt : undefined })
      return answerOrdered(await board.order(plan, ownerOf(c)))
    },
  )
  book.add(
    {
      method: 'post',
      path: '/v1/videos/{id}/remix',
      tag: TAG,
      summary: 'Order the same video with other words',
      json: REMIX_FIELDS,
      example: { prompt: 'a blue balloon rises' },
      answers: [VIDEO],
    },
    async (c) => {
      const { prompt } = parseFields(REMIX_FIELDS, await readJsonFields(c, services.limits.maxBody))
      return answerOrdered(await board.remix(idOf(c), ownerOf(c), prompt))
    },
  )
}

function registerReading(book: RouteBook, board: VideoBoard): void {
  const list = z.object({
    object: z.literal('list'),
    data: z.array(VIDEO_ANSWER),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  book.add(
    {
      method: 'get',
      path: '/v1/videos',
      tag: TAG,
      summary: 'List videos',
      query: VIDEO_PAGE,
      answers: [{ status: 200, description: 'A page', schema: list }],
    },
    (c) => answerPage(board.list(ownerOf(c)), parseFields(VIDEO_PAGE, c.req.query())),
  )
  book.add({ method: 'get', path: '/v1/videos/{id}', tag: TAG, summary: 'Tell how far a video is', answers: [VIDEO] }, (c) => {
    const video = board.get(idOf(c), ownerOf(c))
    return jsonAnswer(describeVideo(video), 200, pollHeaders(video))
  })
  book.add(
    {
      method: 'delete',
      path: '/v1/videos/{id}',
      tag: TAG,
      summary: 'Stop a video and remove it',
      answers: [{ status: 200, description: 'Removed', schema: DELETED }],
    },
    async (c) => {
      await board.remove(idOf(c), ownerOf(c))
      return jsonAnswer({ id: idOf(c), object: 'video.deleted', deleted: true, status: 'deleted' })
    },
  )
}

function answerPage(oldestFirst: readonly Video[], query: z.output<typeof VIDEO_PAGE>): Response {
  const videos = query.order === 'asc' ? oldestFirst : oldestFirst.toReversed()
  const { limit = 20, after } = query
  const start = after === undefined ? 0 : videos.findIndex(({ id }) => id === after) + 1
  const isUnknown = after !== undefined && start === 0
  const data = isUnknown ? [] : videos.slice(start, start + limit).map(describeVideo)
  return jsonAnswer({
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: !isUnknown && start + limit < videos.length,
  })
}

function idOf(c: ServerContext): string {
  return c.req.param('id') ?? ''
}
