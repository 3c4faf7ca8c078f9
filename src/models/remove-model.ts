import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { hubCacheFolder, parseHubId, repositoryFolder, repositoryFolderName } from './hub-cache.ts'
import type { ModelSettings } from './model-folders.ts'

/** What was removed. */
export interface RemovedModel {
  /** The repository's folder in the hub cache. */
  folder: string
  bytes: number
}

/**
 * Removes a download from the hub cache, with all its revisions. Rejects with `invalid_configuration` for anything but a plain hub
 * id, as folders are their owner's to remove, and with `model_not_found` when it is not there.
 */
export async function removeModel(name: string, settings: ModelSettings): Promise<RemovedModel> {
  const id = parseHubId(name)
  if (!id || id.revision !== undefined) {
    throw new DiffgentorError(
      'invalid_configuration',
      `"models rm" removes downloads of the hub, with all their revisions; name one as org/name, got "${name}".`,
    )
  }
  const folder = repositoryFolder(id.repository, settings)
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  )
  if (!isThere) {
    throw new DiffgentorError(
      'model_not_found',
      `${id.repository} is not in the hub cache ${hubCacheFolder(settings)}; "diffgentor models" lists what is.`,
    )
  }
  const bytes = await measure(folder)
  await rm(folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new DiffgentorError('not_writable', `The folder ${folder} cannot be removed (${cause.code}).`, { cause })
  })
  await rm(join(hubCacheFolder(settings), '.locks', repositoryFolderName(id.repository)), { recursive: true, force: true })
  return { folder, bytes }
}

/** Bytes of the files in a folder; links count nothing. */
async function measure(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = entries.filter((entry) => entry.isFile()).map((entry) => stat(join(entry.parentPath, entry.name)))
  return (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0)
}
