import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sharedCacheFolder } from '../config/user-folders.ts'
import { DiffgentorError } from '../errors.ts'
import type { ModelSettings } from './model-folders.ts'

/** A model's name on the hub, as in `org/name@revision`. */
export interface HubId {
  repository: string
  /** A branch, tag or commit. Absent: `main`. */
  revision?: string | undefined
}

/** Reads `org/name[@revision]`; undefined when it has another form. */
export function parseHubId(name: string): HubId | undefined {
  const match = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w][\w./-]*))?$/.exec(name)
  if (!match?.[1] || match[2]?.includes('..')) return undefined
  return match[2] === undefined ? { repository: match[1] } : { repository: match[1], revision: match[2] }
}

/** The home of the Python library: its cache and its token. */
export function hubHome(settings: ModelSettings): string {
  return settings.hfHome ?? join(sharedCacheFolder(), 'huggingface')
}

/** The folder that holds downloads of the hub, shared with the Python library. */
export function hubCacheFolder(settings: ModelSettings): string {
  return settings.hfHubCache || join(hubHome(settings), 'hub')
}

/** The folder of one repository in the cache: `blobs`, `refs` and `snapshots` lie in it. */
export function repositoryFolder(repository: string, settings: ModelSettings): string {
  return join(hubCacheFolder(settings), repositoryFolderName(repository))
}

/** `org/name` as the cache writes it. */
export function repositoryFolderName(repository: string): string {
  return `models--${repository.replace('/', '--')}`
}

/** The snapshot folder of a downloaded model; undefined when it is not in the cache. Nothing is downloaded. */
export async function findInHubCache({ repository, revision }: HubId, settings: ModelSettings): Promise<string | undefined> {
  const folder = repositoryFolder(repository, settings)
  const snapshots = await readdir(join(folder, 'snapshots')).catch((): string[] => [])
  const commit = await readReference(folder, revision ?? 'main')
  const wanted = commit ?? revision ?? (snapshots.length === 1 ? snapshots[0] : undefined)
  return wanted !== undefined && snapshots.includes(wanted) ? join(folder, 'snapshots', wanted) : undefined
}

/** The commit that a branch or tag stood for when it was downloaded. */
async function readReference(folder: string, revision: string): Promise<string | undefined> {
  const commit = await readFile(join(folder, 'refs', revision), 'utf8').catch(() => undefined)
  return commit?.trim()
}

/** Every model in the cache by its hub id, with its snapshot folder. */
export async function listHubCache(settings: ModelSettings): Promise<{ name: string; folder: string }[]> {
  const entries = await readdir(hubCacheFolder(settings)).catch(() => [])
  const found = entries
    .filter((entry) => /^models--[^-].*?--./.test(entry))
    .map(async (entry) => {
      const name = entry.slice('models--'.length).replace('--', '/')
      const folder = await findInHubCache({ repository: name }, settings)
      return folder === undefined ? [] : [{ name, folder }]
    })
  return (await Promise.all(found)).flat()
}

/** The error for a hub id whose model was not downloaded. */
export function notDownloaded({ repository, revision }: HubId, settings: ModelSettings): DiffgentorError {
  const name = revision === undefined ? repository : `${repository}@${revision}`
  return new DiffgentorError(
    'model_not_found',
    `The model ${name} is not in the hub cache ${hubCacheFolder(settings)}; download it with "diffgentor models pull ${name}", or give a model folder.`,
    { field: 'model_name' },
  )
}
