import { fileURLToPath } from 'node:url'
import type { BackendSettings } from '../config/settings.ts'

/** The settings that say where models are. */
export type ModelSettings = Pick<BackendSettings, 'modelsDir' | 'hfHome' | 'hfHubCache' | 'cacheDir'>

/** The models of the installed package. */
export const BUILT_IN_FOLDER: string = fileURLToPath(new URL('../../models', import.meta.url))

/** Folders whose subfolders are models by name. */
export function namedFolders({ modelsDir }: Pick<ModelSettings, 'modelsDir'>): string[] {
  return modelsDir === undefined ? [BUILT_IN_FOLDER] : [BUILT_IN_FOLDER, modelsDir]
}
