import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import { findInHubCache, type HubId } from '../hub-cache.ts'
import { CachedRepository } from './cached-repository.ts'
import { HubClient } from './hub-client.ts'
import type { HubFile } from './hub-file.ts'
import type { HubSettings } from './hub-settings.ts'
import type { OnPullEvent } from './pull-event.ts'
import { announcePull, pullFiles } from './pull-files.ts'

/** Names that training programs give to the only adapter of a repository, best first. */
const USUAL_NAMES = ['pytorch_lora_weights.safetensors', 'adapter_model.safetensors', 'learned_embeds.safetensors']
/** Lies beside a PEFT adapter and tells its alpha. */
const PEFT_CONFIG = 'adapter_config.json'

/** One file of a repository, as in `org/name/loras/fox.safetensors` or `org/name@revision`. */
export interface HubFileName {
  id: HubId
  /** Absent: the repository's only adapter. */
  path?: string | undefined
}

export interface FetchFileOptions {
  /** Ends the download; what came of it stays for the next try. */
  signal: AbortSignal
  onEvent?: OnPullEvent | undefined
  /** Milliseconds before the second try of a request; doubles from try to try. Default 500. */
  retryDelay?: number | undefined
}

/** Reads `org/name[@revision][/path.safetensors]`; undefined when it has another form. */
export function parseHubFileName(name: string): HubFileName | undefined {
  const form = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@(\w[\w.-]*))?(?:\/(.+\.safetensors))?$/
  const [, repository, revision, path] = form.exec(name) ?? []
  if (repository === undefined || name.includes('\\') || name.split('/').some((part) => /^\.*$/.test(part))) return undefined
  return { id: revision === undefined ? { repository } : { repository, revision }, path }
}

/**
 * The path on this machine of a LoRA or an embedding (a `.safetensors` file) that `name` gives as
 * `org/name[@revision][/path.safetensors]`. It is taken from the hub cache when it is there, without a word to the hub, and else
 * downloaded into it. Without a path the repository must hold a single adapter, or one under a name that is usual for it.
 *
 * Rejects with one sentence: `invalid_request` for a name of another form or a repository with several adapters,
 * `model_not_found` for what the hub does not have and what is not in the cache under HF_HUB_OFFLINE,
 * `upstream_authentication` for what is gated or private, `upstream_unreachable` without a network, `disk_full`.
 */
export async function fetchHubFile(name: string, settings: HubSettings, options: FetchFileOptions): Promise<string> {
  const wanted = parseHubFileName(name)
  if (!wanted) {
    throw new DiffgentorError(
      'invalid_request',
      `A file of the hub is named org/name or org/name/file.safetensors, got ${JSON.stringify(name)}.`,
    )
  }
  const cached = await findCached(wanted, settings)
  if (cached !== undefined) return cached
  if (settings.hfHubOffline) {
    throw new DiffgentorError('model_not_found', `${name} is not in the hub cache, and HF_HUB_OFFLINE forbids to download it.`)
  }
  return await download(wanted, settings, options)
}

async function findCached({ id, path }: HubFileName, settings: HubSettings): Promise<string | undefined> {
  const snapshot = await findInHubCache(id, settings)
  if (snapshot === undefined) return undefined
  const files = (await readdir(snapshot, { recursive: true })).map((file) => file.replaceAll('\\', '/'))
  const chosen = path === undefined ? chooseAdapter(id, files) : files.find((file) => file === path)
  return chosen === undefined ? undefined : join(snapshot, chosen)
}

async function download({ id, path }: HubFileName, settings: HubSettings, options: FetchFileOptions): Promise<string> {
  await using client = await HubClient.open(id, { settings, ...options })
  const listed = await client.listFiles()
  const chosen =
    path ??
    chooseAdapter(
      id,
      listed.map((file) => file.path),
    )
  const file = listed.find((candidate) => candidate.path === chosen)
  if (!file) throw missingFile(id, path)
  const beside = listed.filter((candidate) => candidate.path === besideOf(file))
  return await keep([file, ...beside], { client, settings, options })
}

async function keep(
  files: readonly [HubFile, ...HubFile[]],
  { client, settings, options }: { client: HubClient; settings: HubSettings; options: FetchFileOptions },
): Promise<string> {
  const repository = new CachedRepository(client.id.repository, settings)
  const pull = { client, repository, ...options }
  await repository.prepare()
  await announcePull(files, pull)
  await pullFiles(files, pull)
  for (const file of files) await repository.place(client.commit, file)
  await repository.writeReference(client.id.revision ?? 'main', client.commit)
  return join(repository.snapshotOf(client.commit), files[0].path)
}

function besideOf({ path }: HubFile): string {
  return path.slice(0, path.length - basename(path).length) + PEFT_CONFIG
}

/** The adapter of a repository that names none; undefined when it holds none. Throws when there are several. */
function chooseAdapter({ repository }: HubId, paths: readonly string[]): string | undefined {
  const files = paths.filter((path) => path.endsWith('.safetensors') && !path.includes('/')).sort()
  const usual = USUAL_NAMES.find((name) => files.includes(name))
  if (usual !== undefined || files.length < 2) return usual ?? files[0]
  const names = files.length > 8 ? `${files.slice(0, 8).join(', ')} …` : files.join(', ')
  throw new DiffgentorError(
    'invalid_request',
    `The repository ${repository} holds ${files.length} .safetensors files; name one as ${repository}/FILE: ${names}.`,
  )
}

function missingFile({ repository }: HubId, path: string | undefined): DiffgentorError {
  const what = path === undefined ? '.safetensors file at its top' : `file ${path}`
  return new DiffgentorError('model_not_found', `The repository ${repository} on the hub has no ${what}.`)
}
