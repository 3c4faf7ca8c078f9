import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServedModel } from '../../model-pool.ts'
import type { Services } from '../../services.ts'
import { DRAW_DEFAULTS, readQuery } from './draw-query.ts'
import { USER_ERRORS } from './errors.ts'

const BUFFER = z.object({
  is_loaded: z.boolean(),
  loaded_at: z.string().nullable().describe('ISO 8601 without a zone, UTC'),
  last_accessed: z.string().nullable().describe('ISO 8601 without a zone, UTC'),
  timeout_seconds: z.int().describe('Idle time after which the model is unloaded; -1: never'),
  timer_active: z.boolean(),
})

const EMBEDDING = z.object({
  embedding_path: z.string(),
  'trigger words': z.array(z.string()),
})

const EMBEDDING_QUERY = z.object({ prompt: z.string() })

/** What the family tells about the server. */
export function registerFacts(book: RouteBook, services: Services): void {
  const common = { method: 'get', tag: 'Stable Diffusion API', ...USER_ERRORS } as const
  book.add(
    {
      ...common,
      path: '/get_available_stable_diffs',
      summary: 'List the models',
      answers: [{ status: 200, description: 'Ids by name', schema: z.record(z.string(), z.string()) }],
    },
    () => jsonAnswer(Object.fromEntries(services.models.models.map((model) => [shortName(model), model.id]))),
  )
  book.add(
    {
      ...common,
      path: '/get_available_embeddings',
      summary: 'List the textual inversions that prompts may call by name',
      answers: [{ status: 200, description: 'By name', schema: z.record(z.string(), EMBEDDING) }],
    },
    async () => jsonAnswer(await describeEmbeddings(services)),
  )
  book.add(
    {
      ...common,
      path: '/get_implemented_parameters',
      summary: 'Tell the parameters with their defaults',
      answers: [{ status: 200, description: 'The defaults', schema: z.record(z.string(), z.unknown()) }],
    },
    () => jsonAnswer(describeParameters(services.models.find(undefined))),
  )
  for (const path of ['/buffer_status', '/buffer_status/']) {
    book.add(
      {
        ...common,
        path,
        summary: 'Tell whether the model is in memory',
        answers: [{ status: 200, description: 'The state', schema: BUFFER }],
      },
      () => jsonAnswer(describeBuffer(services, services.models.find(undefined))),
    )
  }
  book.add(
    {
      ...common,
      path: '/get_model_embedding',
      summary: 'Tell the tokens of a prompt',
      query: EMBEDDING_QUERY,
      queryExample: { prompt: 'a red apple' },
      answers: [{ status: 200, description: 'The tokens as text', schema: z.array(z.string()) }],
    },
    async (c) => {
      const { prompt } = readQuery(c, EMBEDDING_QUERY)
      const { id, backend } = services.models.find(undefined)
      if (backend.listTokens) return jsonAnswer(await backend.listTokens(prompt))
      throw new DiffgentorError('not_offered', `The model ${id} does not tell its tokens.`)
    },
  )
}

/** A name without folders: callers are told no paths. */
function shortName({ id, aliases }: ServedModel): string {
  return aliases.find((alias) => !/[/\\]/.test(alias)) ?? id
}

function describeParameters({ id, backend }: ServedModel): object {
  const { width, height } = backend.capabilities.sizes?.default ?? { width: 512, height: 512 }
  const { torch_dtype, num_inference_steps, guidance_scale, negative_prompt, prompt, count_returned, seed } = DRAW_DEFAULTS
  return {
    model_config: { torch_dtype },
    prompt_config: { num_inference_steps, guidance_scale, negative_prompt },
    model_id: id,
    prompt,
    count_returned,
    seed,
    width,
    height,
    lora: null,
  }
}

function describeBuffer({ settings }: Services, model: ServedModel): z.output<typeof BUFFER> {
  return {
    is_loaded: model.isLoaded,
    loaded_at: model.isLoaded ? formatTime(model.loadedAt) : null,
    last_accessed: formatTime(model.usedAt),
    timeout_seconds: Math.round(settings.keepAlive),
    timer_active: model.isIdling,
  }
}

function formatTime(time: Date | undefined): string | null {
  return time?.toISOString().replace('Z', '') ?? null
}

async function describeEmbeddings({ embeddings }: Services): Promise<Record<string, z.output<typeof EMBEDDING>>> {
  const entries = (await embeddings.list()).map(({ name, file, token }) => {
    const words = [...new Set([name, token ?? name])]
    return [name, { embedding_path: file, 'trigger words': words }] as const
  })
  return Object.fromEntries(entries)
}
