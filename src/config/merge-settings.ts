import { findConfigFile, readConfigFile } from './config-file.ts'
import { findUnknownVariables, readVariables, type SourcedValue } from './environment.ts'
import { type CommandName, readSetting } from './setting.ts'
import {
  BATCH_SETTINGS,
  type BatchSettings,
  SERVE_SETTINGS,
  type ServeSettings,
  type SettingTable,
  settingsOf,
  toCamelCase,
} from './settings.ts'

/** Where settings may come from, beside the flags. */
export interface SettingSources {
  environment?: NodeJS.ProcessEnv
  /** Folder in which the configuration file is looked for. */
  folder?: string
}

export interface MergedSettings<T> {
  values: T
  /** Snake_case name → where its value came from; a setting without a value is absent. */
  sources: ReadonlyMap<string, SourcedValue>
  /** Sentences about what has no effect. */
  warnings: string[]
}

/**
 * Merges what was given: flag > variable > configuration file > built-in default. (A row's column goes over all of them, a
 * model's own default under the file: both are applied where rows and models are known.)
 *
 * `flags` are the given flags by snake_case name, as text, booleans or arrays.
 */
export function mergeSettings(
  command: 't2i' | 'edit',
  flags: Record<string, unknown>,
  sources?: SettingSources,
): MergedSettings<BatchSettings>
export function mergeSettings(
  command: 'serve',
  flags: Record<string, unknown>,
  sources?: SettingSources,
): MergedSettings<ServeSettings>
export function mergeSettings(
  command: CommandName,
  flags: Record<string, unknown>,
  { environment = process.env, folder = process.cwd() }: SettingSources = {},
): MergedSettings<BatchSettings | ServeSettings> {
  const table = settingsOf(command)
  const given = readFlags(table, flags)
  const variables = readVariables(table, command, environment)
  const configFile = findConfigFile((given.get('config') ?? variables.get('config'))?.value as string | undefined, folder)
  const filed = configFile ? readConfigFile(configFile, table, command) : new Map<string, SourcedValue>()
  // `t2i` and `edit` share one type, so the defaults of both are filled in; every name is present, if only as undefined.
  const whole: SettingTable = command === 'serve' ? SERVE_SETTINGS : BATCH_SETTINGS
  const merged = new Map([...readDefaults(whole), ...filed, ...variables, ...given])
  for (const name of overruledSides([given, variables, filed])) merged.delete(name)
  const values = Object.fromEntries(Object.keys(whole).map((name) => [toCamelCase(name), merged.get(name)?.value]))
  return {
    values: values as unknown as BatchSettings | ServeSettings,
    sources: merged,
    warnings: findUnknownVariables(environment),
  }
}

/** Width and height where a size was given nearer: they would win over it. Places come nearest first. */
function overruledSides(places: readonly ReadonlyMap<string, SourcedValue>[]): string[] {
  const depthOf = (name: string) => places.findIndex((place) => place.has(name))
  const size = depthOf('size')
  return size < 0 ? [] : ['width', 'height'].filter((side) => depthOf(side) > size)
}

function readFlags(table: SettingTable, flags: Record<string, unknown>): Map<string, SourcedValue> {
  const values = new Map<string, SourcedValue>()
  for (const [name, setting] of Object.entries(table)) {
    const value = flags[name]
    if (value === undefined) continue
    values.set(name, { value: readSetting(setting, value, `--${name}`), source: `--${name}` })
  }
  return values
}

function readDefaults(table: SettingTable): Map<string, SourcedValue> {
  const withDefault = Object.entries(table).filter(([, setting]) => setting.default !== undefined)
  return new Map(withDefault.map(([name, setting]) => [name, { value: setting.default!, source: 'built-in default' }]))
}
