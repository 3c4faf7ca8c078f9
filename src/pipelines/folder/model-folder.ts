import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import type { StoredPrecision } from '../pipeline.ts'
import { explainNoGraphs } from './explain-no-graphs.ts'
import { type ComponentName, findGraphFiles } from './graph-files.ts'

/** Content of a JSON file of a model folder. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Where everything of a model lies. */
export interface ModelFolder {
  /** The folder that holds the components; may lie below the folder that was asked for. */
  root: string
  /** Absolute paths of the graphs. */
  graphs: ReadonlyMap<ComponentName, string>
  /** Names of what lies directly in `root`. */
  files: ReadonlySet<string>
  /** `model_index.json`, empty when it is missing. */
  index: JsonObject
  /** `config.json` beside each graph, where there is one. */
  configs: ReadonlyMap<ComponentName, JsonObject>
  /** Text of `scheduler/scheduler_config.json`: not always strict JSON. */
  schedulerConfig: string | undefined
  /** `generation_config.json`, empty when it is missing. */
  generationConfig: JsonObject
}

/** Looks over a model folder. Rejects with one sentence when it is no ONNX model. */
export async function readModelFolder(folder: string, dtype?: StoredPrecision): Promise<ModelFolder> {
  await assertFolder(folder)
  const root = await findRoot(folder)
  const graphs = await findGraphFiles(root, dtype)
  if (graphs.size === 0) throw await explainNoGraphs(folder, root)
  const configs = new Map<ComponentName, JsonObject>()
  for (const [name, graph] of graphs) {
    const config = await readComponentConfig(root, name, graph)
    if (config) configs.set(name, config)
  }
  return {
    root,
    graphs,
    files: new Set(await readdir(root)),
    configs,
    index: (await readJson(join(root, 'model_index.json'))) ?? {},
    schedulerConfig: await readText(join(root, 'scheduler', 'scheduler_config.json')),
    generationConfig: (await readJson(join(root, 'generation_config.json'))) ?? {},
  }
}

/** The tokenizer folder of a text encoder: `tokenizer`, `tokenizer_2` …, or the model's own where files lie flat in it. */
export function tokenizerFolder({ root, files }: ModelFolder, encoder: ComponentName): string {
  // UniDiffuser has a second tokenizer, for what it writes.
  const name = files.has('clip_tokenizer') ? 'clip_tokenizer' : encoder.replace('text_encoder', 'tokenizer')
  return !files.has(name) && files.has('tokenizer.json') ? root : join(root, name)
}

async function assertFolder(folder: string): Promise<void> {
  const stats = await stat(folder).catch((cause: unknown) => {
    throw new DiffgentorError('model_not_found', `There is no model folder ${folder}.`, { cause })
  })
  if (!stats.isDirectory()) {
    throw new DiffgentorError('model_not_found', `The model must be a folder, but ${folder} is a file.`)
  }
}

/** Some repositories keep the pipeline one folder down. */
async function findRoot(folder: string): Promise<string> {
  if (await looksLikePipeline(folder)) return folder
  const below = await subfolders(folder)
  const pipelines = await Promise.all(below.map(async (path) => ((await looksLikePipeline(path)) ? [path] : [])))
  return pipelines.flat()[0] ?? folder
}

async function looksLikePipeline(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => [])
  return names.includes('model_index.json') || names.includes('unet') || names.includes('transformer')
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new DiffgentorError('model_not_found', `The model folder ${folder} cannot be read.`, { cause })
  })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name))
}

async function readComponentConfig(root: string, name: ComponentName, graph: string): Promise<JsonObject | undefined> {
  return (
    (await readJson(join(root, name, 'config.json'))) ??
    (dirname(graph) === root ? undefined : await readJson(join(dirname(graph), 'config.json')))
  )
}

async function readJson(file: string): Promise<JsonObject | undefined> {
  const text = await readText(file)
  if (text === undefined) return undefined
  try {
    const content: unknown = JSON.parse(text)
    if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content as JsonObject
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The file ${file} is not valid JSON; download the model again.`, { cause })
  }
  throw new DiffgentorError('model_unreadable', `The file ${file} must hold a JSON object.`)
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new DiffgentorError('model_unreadable', `The file ${file} cannot be read.`, { cause })
  }
}
