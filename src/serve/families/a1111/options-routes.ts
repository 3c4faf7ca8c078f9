import { z } from 'zod'
import { jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'
import { A1111_ERRORS } from './errors.ts'
import { OPTION_FIELDS, type Options } from './options.ts'

export function registerOptions(book: RouteBook, services: Services, options: Options): void {
  const common = { tag: 'AUTOMATIC1111', path: '/sdapi/v1/options', ...A1111_ERRORS } as const
  book.add(
    {
      ...common,
      method: 'get',
      summary: 'Tell the options',
      answers: [{ status: 200, description: 'The options', schema: z.looseObject(OPTION_FIELDS.shape) }],
    },
    () => jsonAnswer(options.describe()),
  )
  book.add(
    {
      ...common,
      method: 'post',
      summary: 'Set options for all requests of this family',
      json: OPTION_FIELDS,
      example: { sd_model_checkpoint: 'emoji' },
      answers: [{ status: 200, description: 'Done', schema: z.null() }],
    },
    async (c) => {
      options.set(await readJsonFields(c, services.limits.maxBody))
      return jsonAnswer(null)
    },
  )
}
