import { z } from 'zod'
import { jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'
import type { CurrentModel } from './current-model.ts'
import { readTask } from './read-task.ts'
import { addTwice } from './routes.ts'
import type { TaskBoard } from './task-board.ts'
import { checkTaskFields, TASK_FIELDS } from './task-fields.ts'

const ANSWER = z.object({
  task_id: z.string().describe('Eight hexadecimal digits'),
  task_length: z.int().describe('Tasks of the list before this one, finished ones included'),
  expected_time_seconds: z.number().describe('When it will be finished'),
})

const FAULTS = z.object({ errors: z.record(z.string(), z.string()), message: z.string() })

export function registerGenerate(book: RouteBook, services: Services, current: CurrentModel, board: TaskBoard): void {
  addTwice(
    book,
    {
      method: 'post',
      path: '/generate',
      summary: 'Order a picture',
      json: TASK_FIELDS,
      example: { prompt: 'a red apple', seed: '42', format: 'PNG' },
      answers: [
        { status: 200, description: 'The task', schema: ANSWER },
        { status: 400, description: 'What is wrong with each field', schema: FAULTS },
      ],
    },
    async (c) => {
      const checked = checkTaskFields(await readJsonFields(c, services.limits.maxBody))
      if ('faults' in checked) return jsonAnswer({ errors: checked.faults, message: 'Input payload validation failed' }, 400)
      const { order, facts } = await readTask(services, current.model, checked.fields, c.req.raw.signal)
      c.set('facts', { model: order.model.id, prompt: services.settings.logPrompts ? facts.prompt : undefined })
      const { task, place, expectedSeconds } = board.add(ownerOf(c), order, facts)
      return jsonAnswer({ task_id: task.id, task_length: place, expected_time_seconds: expectedSeconds })
    },
  )
}
