import { z } from 'zod'
import { VERSION } from '../../../config/version.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'

const HEALTH = z.object({
  status: z.enum(['ok', 'unavailable']),
  ready: z.boolean(),
  backend_ready: z.boolean(),
  model: z.string().nullable(),
  mode: z.enum(['t2i', 'edit', 'both']).nullable(),
  models: z.array(z.string()),
  queue: z.object({ waiting: z.int(), running: z.int() }),
  version: z.string(),
})

const ALIVE = z.object({ status: z.literal('ok') })

export function registerHealth(book: RouteBook, services: Services): void {
  const ready = {
    method: 'get',
    tag: 'diffgentor',
    access: 'public',
    answers: [
      { status: 200, description: 'Ready', schema: HEALTH },
      { status: 503, description: 'Starting or stopping', schema: HEALTH },
    ],
  } as const
  book.add({ ...ready, path: '/health', summary: 'Whether the server can draw' }, () => answerHealth(services))
  book.add({ ...ready, path: '/health/ready', summary: 'The same, for orchestrators' }, () => answerHealth(services))
  book.add(
    {
      method: 'get',
      path: '/health/live',
      tag: 'diffgentor',
      summary: 'Whether the process answers at all',
      access: 'public',
      answers: [{ status: 200, description: 'Alive', schema: ALIVE }],
    },
    () => jsonAnswer({ status: 'ok' }),
  )
}

function answerHealth({ models, queue }: Services): Response {
  const isReady = models.isReady && !queue.isClosed
  const health: z.output<typeof HEALTH> = {
    status: isReady ? 'ok' : 'unavailable',
    ready: isReady,
    backend_ready: isReady,
    model: models.models[0]?.id ?? null,
    mode: models.models.length > 0 ? models.mode : null,
    models: models.models.map((model) => model.id),
    queue: { waiting: queue.waiting, running: queue.running },
    version: VERSION,
  }
  return jsonAnswer(health, isReady ? 200 : 503, isReady ? {} : { 'retry-after': '5' })
}
