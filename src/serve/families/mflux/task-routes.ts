import { z } from 'zod'
import { jsonAnswer } from '../../http/json-answer.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { warningHeaders } from '../../http/warning-headers.ts'
import { addTwice, answerNothing } from './routes.ts'
import { describeTask, type Task } from './task.ts'
import type { TaskBoard } from './task-board.ts'

const TASK_QUERY = z.object({ task_id: z.string().describe('As /generate told it') })
const IMAGE_QUERY = TASK_QUERY.extend({
  base64: z.string().optional().describe('true answers base64 text; default false'),
  delete: z.string().optional().describe('false keeps the picture for another time; default true'),
})

const STATUS = z.object({
  status: z.enum(['waiting', 'done', 'error']),
  pos: z.int().optional().describe('Unfinished work before this task; 0 is next or running'),
  wait_remaining: z.int().optional().describe('Seconds until it is finished'),
  message: z.string().optional().describe('Why it failed'),
})

const NOT_FOUND = { status: 404, description: 'No such task' } as const
const GONE = { status: 200, description: 'Done', type: 'text/plain' } as const

export function registerTasks(book: RouteBook, board: TaskBoard): void {
  const find = (c: ServerContext) => board.find(c.req.query('task_id') ?? '', ownerOf(c))
  addTwice(
    book,
    {
      method: 'get',
      path: '/status',
      summary: 'Tell how far a task is',
      query: TASK_QUERY,
      queryExample: { task_id: '0123abcd' },
      answers: [{ status: 200, description: 'The state', schema: STATUS }, NOT_FOUND],
    },
    (c) => {
      const task = find(c)
      return task ? jsonAnswer(describeStatus(board, task)) : answerNothing(404)
    },
  )
  addTwice(
    book,
    {
      method: 'get',
      path: '/image',
      summary: 'Fetch the picture of a task, which is forgotten then',
      changesState: true,
      query: IMAGE_QUERY,
      queryExample: { task_id: '0123abcd', delete: 'false' },
      answers: [{ status: 200, description: 'The picture', type: 'image/jpeg' }, NOT_FOUND],
    },
    async (c) => await answerImage(board, c, find(c)),
  )
  for (const method of ['get', 'post', 'delete'] as const) {
    addTwice(
      book,
      {
        method,
        path: '/cancel',
        summary: 'Stop a task and forget it',
        changesState: true,
        query: TASK_QUERY,
        queryExample: { task_id: '0123abcd' },
        answers: [GONE, NOT_FOUND],
      },
      (c) => {
        const task = find(c)
        if (task && isMeant(c)) board.remove(task)
        return answerNothing(task ? 200 : 404)
      },
    )
  }
}

export function registerList(book: RouteBook, board: TaskBoard): void {
  addTwice(
    book,
    {
      method: 'get',
      path: '/tasks',
      summary: 'List the caller’s tasks',
      answers: [{ status: 200, description: 'The tasks', schema: z.array(z.looseObject({ task_id: z.string() })) }],
    },
    (c) => jsonAnswer(board.list(ownerOf(c)).map(describeTask)),
  )
  addTwice(
    book,
    {
      method: 'get',
      path: '/clear',
      summary: 'Stop and forget all of the caller’s tasks',
      changesState: true,
      answers: [GONE],
    },
    (c) => {
      if (isMeant(c)) board.clear(ownerOf(c))
      return answerNothing(200)
    },
  )
}

function describeStatus(board: TaskBoard, task: Task): z.output<typeof STATUS> {
  if (task.state === 'done') return { status: 'done' }
  if (task.state === 'failed') return { status: 'error', message: task.message ?? '' }
  return { pos: task.ticket?.position ?? 0, status: 'waiting', wait_remaining: board.remainingSeconds(task) }
}

async function answerImage(board: TaskBoard, c: ServerContext, task: Task | undefined): Promise<Response> {
  const picture = task && (await board.read(task))
  if (!picture) return answerNothing(404)
  const warnings = warningHeaders(task.warnings)
  if (isMeant(c) && isTrue(c.req.query('delete') ?? 'true')) board.remove(task)
  if (!isTrue(c.req.query('base64') ?? 'false')) {
    return new Response(picture.bytes, {
      headers: { ...warnings, 'content-type': picture.type, 'content-length': String(picture.bytes.byteLength) },
    })
  }
  return new Response(Buffer.from(picture.bytes).toString('base64'), {
    headers: { ...warnings, 'content-type': 'text/plain; charset=utf-8' },
  })
}

/** HEAD asks what GET would answer, and changes nothing. */
function isMeant(c: ServerContext): boolean {
  return c.req.method !== 'HEAD'
}

function isTrue(word: string): boolean {
  return ['true', '1', 't', 'y', 'yes'].includes(word.trim().toLowerCase())
}
