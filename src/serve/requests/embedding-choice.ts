import { basename } from 'node:path'
import { z } from 'zod'
import type { EmbeddingChoice } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import type { Services } from '../services.ts'
import { findNamedFile } from './find-named-file.ts'
import { wireJson, wireText } from './wire-fields.ts'

const EMBEDDING_FIELDS = z.object({ name: wireText, path: wireText, token: wireText })

/** A textual inversion as a request names it: its file's name, an object, or a list of objects. */
export const wireEmbedding = wireJson(
  z.union([z.string(), EMBEDDING_FIELDS, z.array(z.union([z.string(), EMBEDDING_FIELDS])).max(16)]),
).describe(
  'Textual inversions from the folder that --embedding_dir names, with the words that call them; prompts call them by name too',
)

/** Finds the files. By name: inside `--embedding_dir`. By path: there or in the model store, and only for callers who may. A file's name is its word unless another is given. */
export async function readEmbeddings(
  services: Services,
  value: z.output<typeof wireEmbedding>,
  isAdmin: boolean,
): Promise<EmbeddingChoice[]> {
  const list = [value ?? []].flat()
  return await Promise.all(list.map((item) => readEmbedding(services, typeof item === 'string' ? { name: item } : item, isAdmin)))
}

async function readEmbedding(
  services: Services,
  { name, path, token }: z.output<typeof EMBEDDING_FIELDS>,
  isAdmin: boolean,
): Promise<EmbeddingChoice> {
  const folder = services.settings.embeddingDir
  const file = await findNamedFile(services, { what: 'A textual inversion', name, path, isAdmin, folder })
  if (file !== undefined) return { path: file, token: token ?? basename(file, '.safetensors') }
  const wanted = path ?? name
  if (wanted === undefined) throw invalid('An embedding needs a name.')
  throw invalid(`There is no textual inversion "${wanted}" in the folder that --embedding_dir names.`)
}

function invalid(message: string): DiffgentorError {
  return new DiffgentorError('invalid_request', message, { field: 'embedding' })
}
