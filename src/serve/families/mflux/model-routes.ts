import { z } from 'zod'
import { jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServedModel } from '../../model-pool.ts'
import type { Services } from '../../services.ts'
import type { CurrentModel } from './current-model.ts'
import { addTwice } from './routes.ts'

const LOAD_FIELDS = z.object({
  model: z.string().describe('Name of a served model'),
  quantize: z.unknown().optional().describe('Taken and ignored: weights are used as they are stored'),
})

const LOADED = z.object({ model: z.string(), quantize: z.int().nullable(), default_steps: z.int() })

export function registerModels(book: RouteBook, services: Services, current: CurrentModel): void {
  addTwice(
    book,
    {
      method: 'get',
      path: '/ls',
      summary: 'List the models',
      answers: [{ status: 200, description: 'By name', schema: z.record(z.string(), z.unknown()) }],
    },
    () => jsonAnswer(Object.fromEntries(services.models.models.map((model) => [model.id, describeEntry(model)]))),
  )
  addTwice(
    book,
    {
      method: 'get',
      path: '/ps',
      summary: 'Tell which model draws',
      answers: [{ status: 200, description: 'The model', schema: LOADED.extend({ cache_limit: z.int().nullable() }) }],
    },
    () => jsonAnswer({ ...describeLoaded(current.model), cache_limit: null }),
  )
  addTwice(
    book,
    {
      method: 'post',
      path: '/load',
      summary: 'Draw with another of the served models from now on',
      access: 'admin',
      json: LOAD_FIELDS,
      example: { model: 'emoji' },
      answers: [
        { status: 200, description: 'The model', schema: LOADED },
        { status: 400, description: 'No such model', schema: z.object({ error: z.string() }) },
      ],
    },
    async (c) => {
      const { model: name } = await readJsonFields(c, services.limits.maxBody)
      if (typeof name !== 'string') return jsonAnswer({ error: 'model is required' }, 400)
      if (!current.load(name)) return jsonAnswer({ error: `The model ${name} is not served` }, 400)
      return jsonAnswer(describeLoaded(current.model))
    },
  )
}

function describeEntry({ backend }: ServedModel): object {
  return { loader: backend.name, steps: backend.defaults?.numInferenceSteps ?? 1 }
}

function describeLoaded({ id, backend }: ServedModel): z.output<typeof LOADED> {
  return { model: id, quantize: null, default_steps: backend.defaults?.numInferenceSteps ?? 1 }
}
