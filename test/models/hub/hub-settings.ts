import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HubSettings } from '../../../src/models/hub/hub-settings.ts'

/** Settings with a cache of their own, for a hub at an address. */
export function settingsFor(hfEndpoint: string, values: Partial<HubSettings> = {}): HubSettings {
  const hfHome = mkdtempSync(join(tmpdir(), 'diffgentor-hub-'))
  const unset = { modelsDir: undefined, hfHubCache: undefined, hfToken: undefined, cacheDir: join(hfHome, 'cache') }
  return { ...unset, hfHome, hfEndpoint, hfHubOffline: false, ...values }
}
