import { nearestName } from './nearest-name.ts'
import type { CommandName, Setting } from './setting.ts'
import { readSetting } from './setting.ts'
import { BATCH_SETTINGS, SERVE_SETTINGS, type SettingTable } from './settings.ts'

const COMMANDS: readonly CommandName[] = ['t2i', 'edit', 'serve']

/** A value with the place it came from, for `--print_config`. */
export interface SourcedValue {
  value: NonNullable<unknown>
  source: string
}

/** The variables that set a setting, in order of precedence: the command's own form, the shared form, other programs' names. */
export function variablesOf(name: string, setting: Setting<NonNullable<unknown>>, command?: CommandName): string[] {
  const commands = command ? [command].filter((known) => setting.commands.includes(known)) : setting.commands
  const own = commands.map((known) => `DG_${known}_${name}`.toUpperCase())
  const isShared = setting.commands.length === 0 || setting.commands.length === COMMANDS.length
  const shared = isShared ? [`DG_${name}`.toUpperCase()] : []
  return [...new Set([...own, ...shared, ...(setting.variables ?? [])])]
}

/** Reads every setting of a table that a variable sets. An empty variable counts as unset. */
export function readVariables(
  table: SettingTable,
  command: CommandName,
  environment: NodeJS.ProcessEnv,
): Map<string, SourcedValue> {
  const values = new Map<string, SourcedValue>()
  for (const [name, setting] of Object.entries(table)) {
    const variable = variablesOf(name, setting, command).find((candidate) => environment[candidate])
    if (variable)
      values.set(name, { value: readSetting(setting, environment[variable], `The variable ${variable}`), source: variable })
  }
  return values
}

/** One sentence for each `DG_*` variable that nothing reads. */
export function findUnknownVariables(environment: NodeJS.ProcessEnv = process.env): string[] {
  const known = new Set(
    [BATCH_SETTINGS, SERVE_SETTINGS].flatMap((table) =>
      Object.entries(table as SettingTable).flatMap(([name, setting]) => variablesOf(name, setting)),
    ),
  )
  return Object.keys(environment)
    .filter((variable) => variable.startsWith('DG_') && !known.has(variable))
    .map((variable) => {
      const near = nearestName(variable, known)
      return `The variable ${variable} is not known and has no effect.${near ? ` Did you mean ${near}?` : ''}`
    })
}
