import type { CommandName, Setting } from './setting.ts'
import { apiSettings, enhancerSettings, moneySettings, providerSettings } from './settings/api-settings.ts'
import { backendSettings, engineSettings, hubSettings } from './settings/backend-settings.ts'
import { inputSettings, messageSettings, outputSettings, runSettings } from './settings/batch-settings.ts'
import { diffusionSettings } from './settings/diffusion-settings.ts'
import { editSettings, pictureSettings } from './settings/picture-settings.ts'
import { serveSettings } from './settings/serve-settings.ts'

const sharedSettings = {
  ...backendSettings,
  ...engineSettings,
  ...apiSettings,
  ...messageSettings,
  ...providerSettings,
  ...hubSettings,
}

const batchSettings = {
  ...inputSettings,
  ...outputSettings,
  ...pictureSettings,
  ...diffusionSettings,
  ...editSettings,
  ...runSettings,
  ...enhancerSettings,
  ...moneySettings,
  ...sharedSettings,
}

const serverSettings = {
  ...sharedSettings,
  ...serveSettings,
  allow_private_urls: inputSettings.allow_private_urls,
  prompt_enhancer_api_key: enhancerSettings.prompt_enhancer_api_key,
  prompt_enhancer_api_base: enhancerSettings.prompt_enhancer_api_base,
  prompt_enhancer_model: enhancerSettings.prompt_enhancer_model,
  prompt_enhancer_temperature: enhancerSettings.prompt_enhancer_temperature,
}

/** A table of settings by their snake_case names. */
export type SettingTable = Readonly<Record<string, Setting<NonNullable<unknown>>>>

/** `max_retries` → `maxRetries`: flags, columns and file keys are snake_case, TypeScript is camelCase. */
export type CamelCase<S> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S

/** What a table's settings look like once merged. */
export type SettingValues<T> = {
  readonly [K in keyof T as CamelCase<K>]: T[K] extends Setting<infer V, infer D>
    ? D extends undefined
      ? V | undefined
      : V
    : never
}

/** Merged settings of `t2i` and `edit`. */
export type BatchSettings = SettingValues<typeof batchSettings>
/** Merged settings of `serve`. */
export type ServeSettings = SettingValues<typeof serverSettings>
/** What a backend is opened with: the part that all commands share. */
export type BackendSettings = SettingValues<typeof sharedSettings>

/** Everything that can be set anywhere. */
export const BATCH_SETTINGS: typeof batchSettings = batchSettings
export const SERVE_SETTINGS: typeof serverSettings = serverSettings
export const SHARED_SETTINGS: typeof sharedSettings = sharedSettings

/** The settings that one command knows. */
export function settingsOf(command: CommandName): SettingTable {
  const table: SettingTable = command === 'serve' ? serverSettings : batchSettings
  const entries = Object.entries(table).filter(
    ([, setting]) => setting.commands.length === 0 || setting.commands.includes(command),
  )
  return Object.fromEntries(entries)
}

/** The built-in defaults of a table with some values put over them, for programs that set values directly. */
export function withDefaults<T extends object>(table: T, values: Partial<SettingValues<T>> = {}): SettingValues<T> {
  const defaults = Object.entries(table).map(([name, setting]) => [toCamelCase(name), setting.default])
  return { ...Object.fromEntries(defaults), ...values } as SettingValues<T>
}

/** The TypeScript name of a setting. */
export function toCamelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}
