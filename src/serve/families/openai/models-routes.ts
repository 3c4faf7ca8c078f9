import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import { v1ErrorBody } from '../../http/problem.ts'
import type { RouteBook } from '../../http/route-book.ts'
import { describeModelFacts, MODEL_FACTS } from '../../model-facts.ts'
import type { ServedModel } from '../../model-pool.ts'
import type { Services } from '../../services.ts'

const MODEL_CARD = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  root: z.string(),
  parent: z.null(),
  max_model_len: z.null(),
  ...MODEL_FACTS.shape,
})

export function registerModels(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'get',
      path: '/v1/models',
      tag: 'OpenAI',
      summary: 'List the models',
      answers: [
        { status: 200, description: 'All models', schema: z.object({ object: z.literal('list'), data: z.array(MODEL_CARD) }) },
      ],
    },
    () => jsonAnswer({ object: 'list', data: services.models.models.map((model) => describeModel(services, model)) }),
  )
  book.add(
    {
      method: 'get',
      path: '/v1/models/{id+}',
      tag: 'OpenAI',
      summary: 'Tell about a model',
      answers: [{ status: 200, description: 'The model', schema: MODEL_CARD }],
      errorBody: (problem) => ({ ...v1ErrorBody(problem), detail: toDetail(problem.message) }),
    },
    (c) => {
      const id = c.req.param('id') ?? ''
      if (services.models.isReady && !services.models.knows(id)) {
        throw new DiffgentorError('model_not_found', `The model '${id}' does not exist`, { field: 'model' })
      }
      return jsonAnswer(describeModel(services, services.models.find(id)))
    },
  )
}

function describeModel({ startedAt, settings }: Services, model: ServedModel): object {
  const { id, backend } = model
  const { generate, edit, mask, video } = backend.capabilities
  return {
    id,
    object: 'model',
    created: startedAt,
    owned_by: 'diffgentor',
    root: id,
    parent: null,
    max_model_len: null,
    ...describeModelFacts(settings, model),
    backend: backend.name,
    capabilities: { generate, edit, mask, video: video !== undefined },
  }
}

/** OpenAI's words stand in `error`, the Python server's in `detail`. */
function toDetail(message: string): string {
  return message.replace(/^The model ('.*') does not exist$/s, 'Model $1 not found')
}
