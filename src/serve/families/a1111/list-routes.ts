import { z } from 'zod'
import { listLoras } from '../../../models/list-loras.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServedModel } from '../../model-pool.ts'
import { readUpscalers } from '../../requests/upscalers.ts'
import type { Services } from '../../services.ts'
import { A1111_ERRORS } from './errors.ts'
import { SAMPLERS, SCHEDULES } from './samplers.ts'

const NAMED = z.looseObject({ name: z.string() })

/** What clients fill their menus with. */
export function registerLists(book: RouteBook, services: Services): void {
  const list = (word: string, summary: string, entries: () => unknown[] | Promise<unknown[]>, entry: z.ZodType = NAMED) =>
    book.add(
      {
        method: 'get',
        path: `/sdapi/v1/${word}`,
        tag: 'AUTOMATIC1111',
        summary,
        answers: [{ status: 200, description: 'The list', schema: z.array(entry) }],
        ...A1111_ERRORS,
      },
      async () => jsonAnswer(await entries()),
    )
  list('samplers', 'List the samplers', () => SAMPLERS.map(({ name, aliases }) => ({ name, aliases, options: {} })))
  list('schedulers', 'List the layouts of steps', describeSchedules)
  const model = z.looseObject({ title: z.string(), model_name: z.string() })
  list('sd-models', 'List the models', () => services.models.models.map(describeModel), model)
  list('upscalers', 'List the ways to enlarge', () => describeUpscalers(services))
  list('latent-upscale-modes', 'List the ways to enlarge latents: none', () => [])
  list('sd-vae', 'List other VAEs: none', () => [], z.looseObject({ model_name: z.string() }))
  list('sd-modules', 'List other VAEs and text encoders: none', () => [], z.looseObject({ model_name: z.string() }))
  list('loras', 'List the LoRA files that prompts may name', () => describeLoras(services))
  list('prompt-styles', 'List the styles: none', () => [])
  list('face-restorers', 'List the face restorers: none', () => [])
}

function describeSchedules(): object[] {
  return SCHEDULES.map(({ name, label, aliases }) => ({ name, label, aliases, default_rho: -1, need_inner_model: false }))
}

function describeModel({ id }: ServedModel): object {
  return { title: id, model_name: id, hash: null, sha256: null, filename: id, config: null }
}

async function describeUpscalers(services: Services): Promise<object[]> {
  const entries = [undefined, ...(await readUpscalers(services))]
  return entries.map((upscaler) => ({
    name: upscaler?.name ?? 'None',
    model_name: upscaler && 'graph' in upscaler ? upscaler.name : null,
    model_path: null,
    model_url: null,
    scale: 4,
  }))
}

async function describeLoras({ settings }: Services): Promise<object[]> {
  const files = settings.loraDir === undefined ? [] : await listLoras(settings.loraDir)
  return files.map(({ name, file, metadata }) => ({ name, alias: name, path: file, metadata }))
}
