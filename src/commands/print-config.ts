import type { MergedSettings } from '../config/merge-settings.ts'
import type { CommandName } from '../config/setting.ts'
import { settingsOf } from '../config/settings.ts'
import { formatTable } from './terminal.ts'

/** The merged settings of a command with where each came from; secrets are masked. `modelDefaults` fill what nothing sets. */
export function describeSettings(
  command: CommandName,
  { sources }: MergedSettings<unknown>,
  modelDefaults: Readonly<Record<string, unknown>>,
  asJson: boolean,
): string {
  const entries = Object.entries(settingsOf(command)).map(([name, setting]) => {
    const given = sources.get(name)
    const value = given ? (setting.secret ? '(set)' : given.value) : modelDefaults[name]
    const source = given?.source ?? (value === undefined ? 'not set' : "the model's default")
    return { name, value, source }
  })
  if (asJson) {
    const record = Object.fromEntries(entries.map(({ name, value, source }) => [name, { value: value ?? null, source }]))
    return `${JSON.stringify(record, undefined, 2)}\n`
  }
  const rows = entries.map(({ name, value, source }) => [
    name,
    value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value),
    source,
  ])
  return formatTable(rows)
}
