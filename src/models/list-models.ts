import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { listHubCache } from './hub-cache.ts'
import { BUILT_IN_FOLDER, type ModelSettings, namedFolders } from './model-folders.ts'

/** A model that can be used by its name. */
export interface ListedModel {
  name: string
  folder: string
  origin: 'built-in' | 'models_dir' | 'hub'
  /** Bytes of its files. */
  bytes: number
}

/** The models that this machine has: built in, in the models folder, in the hub cache (those with ONNX graphs). */
export async function listModels(settings: ModelSettings): Promise<ListedModel[]> {
  const named = await Promise.all(
    namedFolders(settings).map(async (parent) => {
      const names = await readdir(parent).catch(() => [])
      const origin = parent === BUILT_IN_FOLDER ? ('built-in' as const) : ('models_dir' as const)
      return names.sort().map((name) => ({ name, folder: join(parent, name), origin }))
    }),
  )
  const cached = (await listHubCache(settings)).map((model) => ({ ...model, origin: 'hub' as const }))
  const measured = await Promise.all([...named.flat(), ...cached].map(measureModel))
  return measured.filter((model) => model !== undefined)
}

/** Adds up a folder's files; undefined when no graph is among them. */
async function measureModel(model: Omit<ListedModel, 'bytes'>): Promise<ListedModel | undefined> {
  const names = await readdir(model.folder, { recursive: true }).catch(() => [])
  if (!names.some((name) => name.endsWith('.onnx'))) return undefined
  const sizes = await Promise.all(names.map((name) => sizeOf(join(model.folder, name))))
  return { ...model, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

/** Zero for folders and for links that lead nowhere. */
async function sizeOf(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined)
  return stats?.isFile() ? stats.size : 0
}
