import { DiffgentorError } from '../../errors.ts'
import type { HubId } from '../hub-cache.ts'
import { CachedRepository } from './cached-repository.ts'
import { chooseConfigurations, holdsPytorchWeights, mayHaveData, readDataFiles } from './choose-files.ts'
import { HubClient } from './hub-client.ts'
import type { HubFile } from './hub-file.ts'
import type { HubSettings } from './hub-settings.ts'
import type { OnPullEvent } from './pull-event.ts'
import { announcePull, type FilesPull, pullFiles } from './pull-files.ts'

/** What the pipelines know about model folders. */
export interface ModelLayout {
  /** Of all files of a repository, the graphs that are wanted. Throws for a precision that is not stored. */
  chooseGraphs(paths: readonly string[]): readonly string[]
  /** A clause that says how PyTorch weights become graphs. `index` is the text of `model_index.json`. */
  adviseExport(repository: string, index: string): string
}

export interface PullOptions {
  layout: ModelLayout
  /** Ends the download; what came of it stays for the next try. */
  signal: AbortSignal
  onEvent?: OnPullEvent | undefined
  /** Milliseconds before the second try of a request; doubles from try to try. Default 500. */
  retryDelay?: number | undefined
}

export interface PulledModel {
  /** The snapshot in the cache. */
  folder: string
  commit: string
  /** Bytes of what was wanted, in the cache. */
  bytes: number
}

/**
 * Brings a model of the hub into the cache: its configurations, one graph for each part and the data files that these name, as far
 * as they are not there. The snapshot appears when everything is there, so that one with graphs is a whole model.
 *
 * Rejects with one sentence: `model_not_found`, `upstream_authentication` (gated or private), `upstream_unreachable`, `disk_full`,
 * `model_unreadable` (no graphs in it, or not what a model looks like).
 */
export async function pullModel(id: HubId, settings: HubSettings, options: PullOptions): Promise<PulledModel> {
  await using client = await HubClient.open(id, { settings, ...options })
  const listed = await client.listFiles()
  const graphs = await chooseGraphs(client, listed, options.layout)
  const repository = new CachedRepository(id.repository, settings)
  const pull = { client, repository, ...options }
  await repository.prepare()
  const data = await findData(graphs, listed, pull)
  const files = [...chooseConfigurations(listed), ...data, ...graphs]
  const bytes = await announcePull(files, pull)
  await pullFiles(files, pull)
  for (const file of files) await repository.place(client.commit, file)
  await repository.writeReference(id.revision ?? 'main', client.commit)
  return { folder: repository.snapshotOf(client.commit), commit: client.commit, bytes }
}

async function chooseGraphs(client: HubClient, listed: readonly HubFile[], layout: ModelLayout): Promise<HubFile[]> {
  const chosen = new Set(layout.chooseGraphs(listed.map(({ path }) => path)))
  if (chosen.size > 0) return listed.filter(({ path }) => chosen.has(path))
  const { repository } = client.id
  if (!holdsPytorchWeights(listed)) {
    const sentence = `The repository ${repository} holds no ONNX graphs of a diffusion model; choose another one.`
    throw new DiffgentorError('model_unreadable', sentence, { field: 'model_name' })
  }
  const hasIndex = listed.some(({ path }) => path === 'model_index.json')
  const index = hasIndex ? await client.readText('model_index.json') : ''
  throw new DiffgentorError(
    'model_unreadable',
    `The repository ${repository} holds PyTorch weights and no ONNX graphs; ${layout.adviseExport(repository, index)}.`,
    { field: 'model_name' },
  )
}

/** The data files of the graphs. A graph that may have some is downloaded first, since only it can name them; it is small then. */
async function findData(graphs: readonly HubFile[], listed: readonly HubFile[], pull: FilesPull): Promise<HubFile[]> {
  const { client, repository, signal } = pull
  const telling = graphs.filter((graph) => mayHaveData(graph, listed))
  await pullFiles(telling, { client, repository, signal })
  const found = await Promise.all(
    telling.map(async (graph) => readDataFiles(graph, (await repository.findContent(client.commit, graph))!, listed)),
  )
  return [...new Set(found.flat())]
}
