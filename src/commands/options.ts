import type { Argv, Options } from 'yargs'
import { nearestName } from '../config/nearest-name.ts'
import type { CommandName, Setting } from '../config/setting.ts'
import { settingsOf } from '../config/settings.ts'
import { DiffgentorError } from '../errors.ts'

/**
 * Flags are snake_case, as in the field's scripts; kebab-case works too. Turns `--model-name=x` into `--model_name=x` and
 * leaves values and everything after `--` alone.
 */
export function normalizeFlags(argv: readonly string[]): string[] {
  const end = argv.indexOf('--')
  return argv.map((word, place) => {
    const isFlag = word.startsWith('--') && word.length > 2 && (end === -1 || place < end)
    if (!isFlag) return word
    const [name, ...value] = word.slice(2).split('=')
    return `--${[name!.replaceAll('-', '_'), ...value].join('=')}`
  })
}

/** Declares the flags of a command from the table of settings. */
export function declareSettings<T>(yargs: Argv<T>, command: CommandName): Argv<T> {
  for (const [name, setting] of flagsOf(command)) yargs.option(name, describeOption(setting))
  return yargs
}

function flagsOf(command: CommandName): [string, Setting<NonNullable<unknown>>][] {
  return Object.entries(settingsOf(command)).filter(([, setting]) => setting.flag !== false && setting.commands.length > 0)
}

/** Values stay text: the setting itself reads them, so that a wrong one is told in its own words. */
function describeOption(setting: Setting<NonNullable<unknown>>): Options {
  const shared: Options = {
    describe:
      (setting.placeholder ? `${setting.placeholder}: ` : '') +
      describeMeaning(setting) +
      (setting.default === undefined || setting.kind === 'flag' ? '' : ` [${String(setting.default)}]`),
    group: `${setting.group}:`,
    ...(setting.aliases && { alias: [...setting.aliases] }),
  }
  if (setting.kind === 'flag') return { ...shared, type: 'boolean' }
  const isRepeatable = setting.kind === 'list' || setting.kind === 'record'
  return isRepeatable
    ? { ...shared, type: 'string', array: true, nargs: 1 }
    : { ...shared, type: 'string', requiresArg: setting.standsAlone !== true }
}

/** What a setting does, with the words that it takes unless they are told already. */
function describeMeaning({ describe, choices = [] }: Setting<NonNullable<unknown>>): string {
  return choices.every((word) => describe.includes(word)) ? describe : `${describe} (${choices.join(', ')})`
}

/** Flags that every command has, and words that yargs puts among the arguments. */
const ALWAYS_KNOWN = ['help', 'version', '_', '$0', '--']

/** Throws for a flag that nothing reads, with the nearest known one. */
export function refuseUnknownFlags(args: Record<string, unknown>, known: Iterable<string>): void {
  const names = new Set([...known, ...ALWAYS_KNOWN])
  for (const name of Object.keys(args)) {
    if (names.has(name) || args[name] === undefined) continue
    const near = nearestName(name, names)
    const hint = near ? ` Did you mean --${near}?` : ' See --help.'
    throw new DiffgentorError('invalid_configuration', `There is no flag --${name}.${hint}`, { field: name })
  }
}

/** The flags of a command that were given, by setting name. Throws for unknown flags, stray words and single values given twice. */
export function readGivenFlags(args: Record<string, unknown>, command: CommandName): Record<string, unknown> {
  const flags = flagsOf(command)
  refuseUnknownFlags(
    args,
    flags.flatMap(([name, { aliases = [] }]) => [name, ...aliases]),
  )
  refuseStrayWords(args, 1)
  const given: Record<string, unknown> = {}
  for (const [name, setting] of flags) {
    const value = args[name]
    if (value === undefined) continue
    given[name] = Array.isArray(value) && setting.kind !== 'list' && setting.kind !== 'record' ? value.at(-1) : value
  }
  return given
}

/** Throws for words that are neither the command nor one of its arguments. */
export function refuseStrayWords(args: Record<string, unknown>, expected: number): void {
  const stray = (args._ as unknown[]).slice(expected)
  if (stray.length === 0) return
  throw new DiffgentorError(
    'invalid_configuration',
    `The word "${String(stray[0])}" is not expected here; values follow their flag, such as --prompt "a red apple".`,
  )
}
