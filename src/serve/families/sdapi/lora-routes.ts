import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'
import { adminErrors, USER_ERRORS } from './errors.ts'
import type { LoraShelf } from './lora-shelf.ts'

const LORA = z.object({
  model_id: z.string(),
  base_model: z.string(),
  lora_path: z.string(),
  'trigger words': z.array(z.string()),
  allow_no_mention: z.boolean(),
  usage_rights: z.string(),
})

const ADD_QUERY = z.object({ name: z.string().describe('A hub id whose download is in the hub cache') })

export function registerLoras(book: RouteBook, services: Services, shelf: LoraShelf): void {
  book.add(
    {
      method: 'get',
      path: '/get_available_loras',
      tag: 'Stable Diffusion API',
      summary: 'List the LoRAs that requests may name',
      answers: [{ status: 200, description: 'By name', schema: z.record(z.string(), LORA) }],
      ...USER_ERRORS,
    },
    async () => jsonAnswer(await shelf.describe()),
  )
  for (const method of ['get', 'post'] as const) {
    book.add(
      {
        method,
        path: '/add_new_lora',
        tag: 'Stable Diffusion API',
        summary: 'Add a LoRA from the hub cache',
        access: 'admin',
        changesState: true,
        query: ADD_QUERY,
        queryExample: { name: 'org/name' },
        answers: [{ status: 200, description: 'What was done; empty when it was known', schema: z.string() }],
        ...adminErrors(services),
      },
      async (c) => {
        const name = c.req.query('name')
        if (name === undefined)
          throw new DiffgentorError('invalid_request', 'name must say which LoRA to add.', { field: 'name' })
        return jsonAnswer(await shelf.add(name))
      },
    )
  }
}
