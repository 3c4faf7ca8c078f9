import { z } from 'zod'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'
import { readQuery } from './draw-query.ts'
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

const ADD_QUERY = z.object({
  name: z.string().describe('org/name of the hub, or a number of Civitai, or words to search it for'),
})

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
        summary: 'Download a LoRA from the hub or from Civitai',
        access: 'admin',
        changesState: true,
        query: ADD_QUERY,
        queryExample: { name: 'org/name' },
        answers: [{ status: 200, description: 'What was done; empty when it was known', schema: z.string() }],
        ...adminErrors(services),
      },
      async (c) => jsonAnswer(await shelf.add(readQuery(c, ADD_QUERY).name, c.req.raw.signal)),
    )
  }
}
