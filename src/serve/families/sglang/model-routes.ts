import { z } from 'zod'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import { describeModelFacts, MODEL_FACTS } from '../../model-facts.ts'
import type { Services } from '../../services.ts'

const PATH = z.object({ model_path: z.string().describe('Name of the model') })

/** The routes that tell about the first model; all models stand in `/v1/models`. */
export function registerModelInfo(book: RouteBook, { models, settings }: Services): void {
  book.add(
    {
      method: 'get',
      path: '/v1/model_info',
      tag: 'SGLang',
      summary: 'Name the model that draws',
      answers: [{ status: 200, description: 'The model', schema: PATH }],
    },
    () => jsonAnswer({ model_path: models.find(undefined).id }),
  )
  book.add(
    {
      method: 'get',
      path: '/models',
      tag: 'SGLang',
      summary: 'Tell about the model that draws; newer clients read /v1/models',
      answers: [{ status: 200, description: 'The model', schema: MODEL_FACTS.extend(PATH.shape) }],
    },
    () => {
      const model = models.find(undefined)
      return jsonAnswer({ model_path: model.id, ...describeModelFacts(settings, model) })
    },
  )
  book.add(
    {
      method: 'get',
      path: '/health_generate',
      tag: 'SGLang',
      summary: 'Whether the server can draw, in one word',
      answers: [{ status: 200, description: 'Ready', schema: z.object({ status: z.literal('ok') }) }],
    },
    () => {
      models.find(undefined)
      return jsonAnswer({ status: 'ok' })
    },
  )
}
