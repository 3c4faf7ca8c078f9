import { stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { nearestName } from '../config/nearest-name.ts'
import { DiffgentorError } from '../errors.ts'
import { findInHubCache, type HubId, notDownloaded, parseHubId } from './hub-cache.ts'
import { listModels } from './list-models.ts'
import { type ModelSettings, namedFolders } from './model-folders.ts'

/** A model on this machine. */
export interface FoundModel {
  /** Told to users and kept in recipes: the built-in name, the folder's name or the hub id. */
  name: string
  folder: string
  /** The name is a hub id, and the folder its snapshot in the cache. */
  hubId?: HubId
}

/** What `--model_name` means when it is absent. */
export const DEFAULT_MODEL = 'emoji'

/**
 * Finds the model that a name means, in this order: built in, in the models folder, a path, a hub id in the hub cache. A name that
 * means nothing is a `model_not_found` error that lists what is known; nothing is downloaded.
 */
export async function findModel(name: string | undefined, settings: ModelSettings): Promise<FoundModel> {
  const found = await lookUpModel(name, settings)
  if ('folder' in found) return found
  throw notDownloaded(found, settings)
}

/** As `findModel`, but a hub id whose model is not in the cache is the answer, and no error. */
export async function lookUpModel(name: string = DEFAULT_MODEL, settings: ModelSettings): Promise<FoundModel | HubId> {
  for (const parent of namedFolders(settings)) {
    const folder = join(parent, name)
    if (/^[\w.-]+$/.test(name) && !/^\.+$/.test(name) && (await isFolder(folder))) return { name, folder }
  }
  if (name === '') throw await unknownModel(name, settings)
  const path = resolve(name.replace(/^~(?=$|[\\/])/, homedir()))
  if (await isFolder(path)) return { name: basename(path), folder: path }
  const hubId = parseHubId(name)
  const snapshot = hubId && (await findInHubCache(hubId, settings))
  if (hubId && snapshot) return { name, folder: snapshot, hubId }
  if (/\.onnx$/i.test(name)) {
    throw notFound(`The model must be a folder with its graphs, configurations and tokenizer, got the file ${name}.`)
  }
  if (hubId) return hubId
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
