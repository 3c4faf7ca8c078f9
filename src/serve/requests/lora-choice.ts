import { z } from 'zod'
import type { LoraChoice } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { fetchHubFile, parseHubFileName } from '../../models/hub/fetch-file.ts'
import type { Services } from '../services.ts'
import { findNamedFile } from './find-named-file.ts'
import { wireJson, wireNumber, wireText } from './wire-fields.ts'

const LORA_FIELDS = z.object({
  name: wireText,
  lora_name: wireText,
  adapter: wireText,
  path: wireText,
  lora_path: wireText,
  local_path: wireText,
  scale: wireNumber(-100, 100),
  lora_scale: wireNumber(-100, 100),
  weight: wireNumber(-100, 100),
})

/** A LoRA as a request names it: its file's name, an object, or a list of objects. */
export const wireLora = wireJson(
  z.union([z.string(), LORA_FIELDS, z.array(z.union([z.string(), LORA_FIELDS])).max(16)]),
).describe('LoRA files from the folder that --lora_dir names, with their weights')

/** Finds the files. By name: inside `--lora_dir`. By path: there, in the model store or in the hub cache, and only for callers who may. */
export async function readLoras(services: Services, value: z.output<typeof wireLora>, isAdmin: boolean): Promise<LoraChoice[]> {
  const list = [value ?? []].flat()
  return await Promise.all(list.map((item) => readLora(services, typeof item === 'string' ? { name: item } : item, isAdmin)))
}

async function readLora(services: Services, fields: z.output<typeof LORA_FIELDS>, isAdmin: boolean): Promise<LoraChoice> {
  const weight = fields.scale ?? fields.lora_scale ?? fields.weight ?? 1
  const path = fields.path ?? fields.lora_path ?? fields.local_path
  const name = fields.name ?? fields.lora_name ?? fields.adapter
  const folder = services.settings.loraDir
  const file = await findNamedFile(services, { what: 'A LoRA', name, path, isAdmin, folder })
  if (file !== undefined) return { path: file, weight }
  const wanted = path ?? name
  if (wanted === undefined) throw invalidLora('A lora needs a name.')
  const cached = path === undefined ? undefined : await findInCache(services, path)
  if (cached !== undefined) return { path: cached, weight }
  throw invalidLora(
    `There is no LoRA "${wanted}" in the folder that --lora_dir names, and no file of the hub cache has that name.`,
  )
}

/** A file of the hub that was downloaded before; undefined when it was not, or the path has another form. */
async function findInCache({ settings }: Services, path: string): Promise<string | undefined> {
  if (!parseHubFileName(path)) return undefined
  const { signal } = new AbortController()
  return await fetchHubFile(path, { ...settings, hfHubOffline: true }, { signal }).catch((error: unknown) => {
    if (error instanceof DiffgentorError && error.code === 'model_not_found') return undefined
    throw error
  })
}

function invalidLora(message: string): DiffgentorError {
  return new DiffgentorError('invalid_request', message, { field: 'lora' })
}
