import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackendSettings } from '../../config/settings.ts'
import { hubHome } from '../hub-cache.ts'
import type { ModelSettings } from '../model-folders.ts'

/** The settings that say where downloads come from and where they go. */
export type HubSettings = ModelSettings & Pick<BackendSettings, 'hfEndpoint' | 'hfToken' | 'hfHubOffline'>

/** The token of the settings, or the one that the Python library's login left; undefined when there is none. */
export async function readToken(settings: HubSettings): Promise<string | undefined> {
  const token = settings.hfToken ?? (await readFile(join(hubHome(settings), 'token'), 'utf8').catch(() => undefined))
  return token?.trim() || undefined
}
