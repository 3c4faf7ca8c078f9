import { readdir } from 'node:fs/promises'
import { DiffgentorError } from '../errors.ts'
import { type FoundModel, lookUpModel } from './find-model.ts'
import type { HubSettings } from './hub/hub-settings.ts'
import type { PullOptions } from './hub/pull-model.ts'
import { type HubId, hubCacheFolder } from './hub-cache.ts'

export interface FindOrPullOptions extends PullOptions {
  /** Whether the files of a snapshot, by their paths in it, surely hold what is wanted. */
  isComplete(paths: readonly string[]): boolean
}

/**
 * Finds the model that a name means, as `findModel` does; a hub id whose model is not in the cache is downloaded first. What is in
 * the cache is used as it is, even when the hub has something newer. Under HF_HUB_OFFLINE nothing is downloaded.
 */
export async function findOrPull(
  name: string | undefined,
  settings: HubSettings,
  options: FindOrPullOptions,
): Promise<FoundModel> {
  const found = await lookUpModel(name, settings)
  if (!('folder' in found)) {
    if (settings.hfHubOffline) throw keptOffline(found, settings)
    return await pull(found, settings, options)
  }
  const { hubId, folder } = found
  if (!hubId || settings.hfHubOffline || options.isComplete(await listPaths(folder))) return found
  return await pull(hubId, settings, options).catch((error: unknown) => {
    // Names do not always tell what graphs hold, so what is here may do when the hub does not answer.
    if (error instanceof DiffgentorError && error.traits.retryable) return found
    throw error
  })
}

async function pull(id: HubId, settings: HubSettings, options: FindOrPullOptions): Promise<FoundModel> {
  const { pullModel } = await import('./hub/pull-model.ts')
  const { folder } = await pullModel(id, settings, options)
  return { name: nameOf(id), folder, hubId: id }
}

async function listPaths(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).map((path) => path.replaceAll('\\', '/'))
}

function nameOf({ repository, revision }: HubId): string {
  return revision === undefined ? repository : `${repository}@${revision}`
}

function keptOffline(id: HubId, settings: HubSettings): DiffgentorError {
  return new DiffgentorError(
    'model_not_found',
    `The model ${nameOf(id)} is not in the hub cache ${hubCacheFolder(settings)}, and HF_HUB_OFFLINE forbids to download it.`,
    { field: 'model_name' },
  )
}
