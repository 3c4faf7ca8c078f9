import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import { findInHubCache, parseHubId } from '../../models/hub-cache.ts'
import { namedFolders } from '../../models/model-folders.ts'
import type { Services } from '../services.ts'

/** The folder of a model that a request names: one of the models folder, or a hub id in the cache, never a path. */
export async function findNamedModel({ settings }: Services, name: string, field: string): Promise<string> {
  if (/^[\w-][\w.-]*$/.test(name)) {
    for (const parent of namedFolders(settings)) {
      const folder = join(parent, name)
      if (await isFolder(folder)) return folder
    }
  }
  const hubId = parseHubId(name)
  const snapshot = hubId && (await findInHubCache(hubId, settings))
  if (snapshot !== undefined) return snapshot
  throw new DiffgentorError(
    'invalid_request',
    `There is no model "${name}" in the folder that DG_MODELS_DIR names, and no hub id of that name in the cache.`,
    { field },
  )
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}
