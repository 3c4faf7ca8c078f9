import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { nearestName } from '../config/nearest-name.ts'
import { DiffgentorError } from '../errors.ts'
import { findInHubCache, notDownloaded, parseHubId } from './hub-cache.ts'
import { listModels } from './list-models.ts'
import { type ModelSettings, namedFolders } from './model-folders.ts'

/** A model on this machine. */
export interface FoundModel {
  /** Told to users and kept in recipes: the built-in name, the folder's name or the hub id. */
  name: string
  folder: string
}

/** What `--model_name` means when it is absent. */
export const DEFAULT_MODEL = 'emoji'

/**
 * Finds the model that a name means, in this order: built in, in the models folder, a path, a hub id in the hub cache. A name that
 * means nothing is a `model_not_found` error that lists what is known; nothing is downloaded.
 */
export async function findModel(name: string = DEFAULT_MODEL, settings: ModelSettings): Promise<FoundModel> {
  for (const parent of namedFolders(settings)) {
    const folder = join(parent, name)
    if (/^[\w.-]+$/.test(name) && !/^\.+$/.test(name) && (await isFolder(folder))) return { name, folder }
  }
  if (name === '') throw await unknownModel(name, settings)
  const path = resolve(name.replace(/^~(?=$|[\\/])/, homedir()))
  if (await isFolder(path)) return { name: basename(path), folder: path }
  const hubId = parseHubId(name)
  const snapshot = hubId && (await findInHubCache(hubId, settings))
  if (hubId && snapshot) return { name, folder: snapshot }
  if (/\.onnx$/i.test(name)) {
    throw notFound(`The model must be a folder with its graphs, configurations and tokenizer, got the file ${name}.`)
  }
  if (hubId && !/^[.~]/.test(name)) throw notDownloaded(hubId, settings)
  throw await unknownModel(name, settings)
}

async function unknownModel(name: string, settings: ModelSettings): Promise<DiffgentorError> {
  const known = (await listModels(settings)).map((model) => model.name)
  const near = nearestName(name, known)
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  return notFound(
    `There is no model "${name}": it is neither a known name nor a folder nor a hub id.${hint} Known: ${known.join(', ')}.`,
  )
}

function notFound(message: string): DiffgentorError {
  return new DiffgentorError('model_not_found', message, { field: 'model_name' })
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
