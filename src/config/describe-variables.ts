import { variablesOf } from './environment.ts'
import type { CommandName } from './setting.ts'
import { BATCH_SETTINGS, SERVE_SETTINGS, type SettingTable } from './settings.ts'

/** One setting as documentation and `doctor` list it. */
export interface VariableFacts {
  group: string
  /** Every variable that sets it, the one to recommend first. */
  variables: string[]
  /** The flag, when there is one. */
  flag: string | undefined
  commands: readonly CommandName[]
  expects: string
  default: string | undefined
  describe: string
  isSecret: boolean
}

/** Every setting that a variable can set, in the order of the tables. */
export function describeVariables(): VariableFacts[] {
  const tables: SettingTable[] = [BATCH_SETTINGS, SERVE_SETTINGS]
  const facts = new Map<string, VariableFacts>()
  for (const [name, setting] of tables.flatMap((table) => Object.entries(table))) {
    const variables = variablesOf(name, setting)
    facts.set(variables[0]!, {
      group: setting.group,
      variables,
      flag: setting.flag === false || setting.commands.length === 0 ? undefined : `--${name}`,
      commands: setting.commands,
      expects: setting.expects,
      default: setting.default === undefined ? undefined : String(setting.default),
      describe: setting.describe,
      isSecret: setting.secret === true,
    })
  }
  return [...facts.values()]
}

/** The first variable that is set and its value, with secrets masked; undefined when none is. */
export function findPresent(
  facts: VariableFacts,
  environment: NodeJS.ProcessEnv = process.env,
): { variable: string; value: string } | undefined {
  const variable = facts.variables.find((name) => environment[name])
  return variable === undefined ? undefined : { variable, value: facts.isSecret ? '(set)' : environment[variable]! }
}
