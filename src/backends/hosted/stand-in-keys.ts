import type { BackendSettings } from '../../config/settings.ts'

const STAND_IN = 'not-needed'

/** Settings for asking hosted models only what they can do: nothing is sent, so a missing key is no fault. */
export function standInForKeys<S extends BackendSettings>(settings: S): S {
  const { openaiApiKey = STAND_IN, geminiApiKey = STAND_IN } = settings
  return { ...settings, openaiApiKey, geminiApiKey }
}
