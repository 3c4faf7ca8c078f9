import { z } from 'zod'
import { jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { warningHeaders } from '../../http/warning-headers.ts'
import { parseFields, wireText } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import type { StandingLora } from '../../standing-loras.ts'
import { LORA_DONE, LORA_LIST, MERGE_FIELDS, SET_LORA_FIELDS, type SetLoraFields, UNMERGE_FIELDS } from './lora-fields.ts'
import { checkTargets, readLoraChoice } from './read-lora-choice.ts'

const TAG = 'SGLang'
const DONE = { status: 200, description: 'Done', schema: LORA_DONE }

export function registerLoras(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'post',
      path: '/v1/set_lora',
      tag: TAG,
      summary: 'Draw with LoRA files from now on',
      description:
        'Replaces those that were set before, for all callers. A request that names LoRA files itself goes without them. A lora_path needs the admin key, or a caller on the same machine while no key is set.',
      json: SET_LORA_FIELDS,
      example: { lora_nickname: 'watercolor', lora_path: 'watercolor.safetensors', strength: 0.8 },
      answers: [DONE],
    },
    async (c) => await answerSet(services, c),
  )
  book.add(
    {
      method: 'post',
      path: '/v1/merge_lora_weights',
      tag: TAG,
      summary: 'Draw with the last LoRA files again',
      json: MERGE_FIELDS,
      example: { strength: 0.8 },
      answers: [DONE],
    },
    async (c) => {
      const fields = parseFields(MERGE_FIELDS, await readJsonFields(c, services.limits.maxBody))
      checkTargets('Failed to merge LoRA weights: ', fields.target)
      services.loras.merge(services.models.find(fields.model).id, fields.strength ?? 1)
      return answerDone('Successfully merged LoRA weights into transformer')
    },
  )
  book.add(
    {
      method: 'post',
      path: '/v1/unmerge_lora_weights',
      tag: TAG,
      summary: 'Draw without LoRA files until they are merged or set again',
      json: UNMERGE_FIELDS,
      example: { target: 'all' },
      answers: [DONE],
    },
    async (c) => {
      const fields = parseFields(UNMERGE_FIELDS, await readJsonFields(c, services.limits.maxBody))
      checkTargets('Failed to unmerge LoRA weights: ', fields.target)
      services.loras.unmerge(services.models.find(fields.model).id)
      return answerDone('Successfully unmerged LoRA weights from transformer')
    },
  )
  registerList(book, services)
}

function registerList(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'get',
      path: '/v1/list_loras',
      tag: TAG,
      summary: 'List the LoRA files that were named, and those that are drawn with',
      query: z.object({ model: wireText.describe('Which of several served models') }),
      answers: [{ status: 200, description: 'The lists', schema: LORA_LIST }],
    },
    (c) => {
      const { id } = services.models.find(c.req.query('model'))
      const active = services.loras.active(id).map(describeActive)
      return jsonAnswer({
        loaded_adapters: [...services.loras.known(id).values()].map(({ nickname, path }) => ({ nickname, path })),
        active: active.length > 0 ? { transformer: active } : {},
      })
    },
  )
}

async function answerSet(services: Services, c: ServerContext): Promise<Response> {
  const fields = parseFields(SET_LORA_FIELDS, await readJsonFields(c, services.limits.maxBody))
  const model = services.models.find(fields.model)
  const loras = await readLoraChoice(services, model, fields, { isAdmin: c.get('isAdmin'), signal: c.req.raw.signal })
  services.loras.set(model.id, loras)
  const names = loras.map(({ nickname, strength }) => `${nickname} (${strength})`).join(', ')
  return answerDone(`Successfully set LoRA adapter(s): ${names}`, listUnhonored(fields))
}

function listUnhonored({ lora_alpha: alpha, merge_mode: mode = 'auto' }: SetLoraFields): string[] {
  const warnings: string[] = []
  if (mode !== 'auto') {
    warnings.push(
      `merge_mode=${mode} is not honored: the engine decides for itself whether it merges a LoRA, which pictures do not depend on.`,
    )
  }
  if (alpha !== undefined) warnings.push('lora_alpha is not honored: a file brings its own, and one without counts as trained.')
  return warnings
}

function describeActive({ nickname, path, strength }: StandingLora): object {
  return { nickname, path, merged: true, strength }
}

function answerDone(message: string, warnings: readonly string[] = []): Response {
  if (warnings.length === 0) return jsonAnswer({ status: 'ok', message })
  return jsonAnswer({ status: 'ok', message, warnings }, 200, warningHeaders(warnings))
}
