import { readFileSync } from 'node:fs'
import { DiffgentorError } from '../errors.ts'

/** The commands that read settings. */
export type CommandName = 't2i' | 'edit' | 'serve'

/** Headings under which `--help` and the documentation list the settings. */
export type SettingGroup =
  | 'Input'
  | 'Output'
  | 'Picture'
  | 'Edit'
  | 'Backend'
  | 'Local engine'
  | 'Hosted APIs'
  | 'Batch'
  | 'Money'
  | 'Server'
  | 'Prompt enhancement'
  | 'Model hub'
  | 'Messages'

/** What a setting says about itself; `Shape` adds what its type needs. */
export interface SettingFacts {
  /** One line for `--help`: meaning, unit, range. The default is added by the printer. */
  describe: string
  group: SettingGroup
  /** Commands that take it; empty: read from the environment or the configuration file by every command. */
  commands: readonly CommandName[]
  /** False: only a variable or the configuration file sets it. */
  flag?: false
  /** Further flag names, in snake_case. */
  aliases?: readonly string[]
  /** Column names by which a row of a data set may set it. */
  columns?: readonly string[]
  /** Data sets use such column names for other things too: a cell that is no value of this setting is carried through like any other. */
  sharesColumns?: boolean
  /** Further environment variables, beside `DG_…`; the first one that is set counts. */
  variables?: readonly string[]
  /** Never printed. */
  secret?: boolean
  /** Another value makes another picture: compared when a run is resumed. */
  shapesPictures?: boolean
  /** Word for the value in `--help`, such as `FILE`. */
  placeholder?: string
  /** The flag may stand alone, which gives an empty text. */
  standsAlone?: boolean
}

export type SettingKind = 'text' | 'integer' | 'number' | 'flag' | 'list' | 'record'

/** One setting. `T` is the type of a given value; `D` that of the default (undefined when there is none). */
export interface Setting<T, D extends T | undefined = T | undefined> extends SettingFacts {
  readonly kind: SettingKind
  readonly default: D
  readonly choices?: readonly string[]
  /** What a value must look like, for messages: `a whole number from 1`. */
  readonly expects: string
  /** Reads a value from text, JSON or YAML; undefined when it is not one. */
  read(value: unknown): T | undefined
}

/** Reads a value or throws one sentence that names the place it came from. */
export function readSetting<T>(setting: Setting<T>, value: unknown, place: string): T {
  const read = setting.read(value)
  if (read !== undefined) return read
  const got = setting.secret ? 'something else' : JSON.stringify(value)
  throw new DiffgentorError('invalid_configuration', `${place} expects ${setting.expects}, got ${got}.`, { field: place })
}

type WithDefault<T> = SettingFacts & { default: T }

export function text(facts: WithDefault<string>): Setting<string, string>
export function text(facts: SettingFacts): Setting<string, undefined>
export function text(facts: SettingFacts & { default?: string }): Setting<string> {
  return {
    ...facts,
    kind: 'text',
    default: facts.default,
    expects: 'a text',
    read: (value) => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined),
  }
}

type Range = { min?: number; max?: number }

function readNumber(value: unknown, isValid: (number: number) => boolean): number | undefined {
  const isBlank = typeof value === 'string' && value.trim() === ''
  if (isBlank || (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint')) return undefined
  const number = Number(value)
  return Number.isFinite(number) && isValid(number) ? number : undefined
}

function describeRange(noun: string, { min, max }: Range): string {
  if (min !== undefined && max !== undefined) return `${noun} from ${min} to ${max}`
  if (min !== undefined) return `${noun} of ${min} or more`
  return max === undefined ? noun : `${noun} of ${max} or less`
}

function isWithin(number: number, { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Range): boolean {
  return number >= min && number <= max
}

export function integer(facts: WithDefault<number> & Range): Setting<number, number>
export function integer(facts: SettingFacts & Range): Setting<number, undefined>
export function integer(facts: SettingFacts & Range & { default?: number }): Setting<number> {
  const { min, max, ...rest } = facts
  return {
    ...rest,
    kind: 'integer',
    default: facts.default,
    expects: describeRange('a whole number', { ...(min !== undefined && { min }), ...(max !== undefined && { max }) }),
    read: (value) => readNumber(value, (number) => Number.isSafeInteger(number) && isWithin(number, facts)),
  }
}

export function number(facts: WithDefault<number> & Range): Setting<number, number>
export function number(facts: SettingFacts & Range): Setting<number, undefined>
export function number(facts: SettingFacts & Range & { default?: number }): Setting<number> {
  const { min, max, ...rest } = facts
  return {
    ...rest,
    kind: 'number',
    default: facts.default,
    expects: describeRange('a number', { ...(min !== undefined && { min }), ...(max !== undefined && { max }) }),
    read: (value) => readNumber(value, (read) => isWithin(read, facts)),
  }
}

const TRUE_WORDS = new Set(['true', '1', 'yes', 'on'])
const FALSE_WORDS = new Set(['false', '0', 'no', 'off'])

function readFlag(value: unknown): boolean | undefined {
  const word = String(value).trim().toLowerCase()
  if (TRUE_WORDS.has(word)) return true
  return FALSE_WORDS.has(word) ? false : undefined
}

export function flag(facts: WithDefault<boolean>): Setting<boolean, boolean>
export function flag(facts: SettingFacts): Setting<boolean, undefined>
export function flag(facts: SettingFacts & { default?: boolean }): Setting<boolean> {
  return { ...facts, kind: 'flag', default: facts.default, expects: 'true or false', read: readFlag }
}

/** One of a few words, read case-insensitively. `synonyms` maps other spellings to them. */
export function choice<const C extends string>(
  facts: WithDefault<NoInfer<C>> & { choices: readonly C[]; synonyms?: Record<string, NoInfer<C>> },
): Setting<C, C>
export function choice<const C extends string>(
  facts: SettingFacts & { choices: readonly C[]; synonyms?: Record<string, NoInfer<C>> },
): Setting<C, undefined>
export function choice<const C extends string>(
  facts: SettingFacts & { default?: C; choices: readonly C[]; synonyms?: Record<string, C> },
): Setting<C> {
  const { synonyms = {}, ...rest } = facts
  return {
    ...rest,
    kind: 'text',
    default: facts.default,
    expects: `one of ${facts.choices.join(', ')}`,
    read: (value) => {
      const word = String(value).trim().toLowerCase()
      return facts.choices.find((known) => known.toLowerCase() === word) ?? synonyms[word]
    },
  }
}

/** A value with a form of its own, such as `1024x768`. `parse` gets text or whatever JSON held. */
export function custom<T extends NonNullable<unknown>>(
  facts: SettingFacts & { expects: string; parse: (value: unknown) => T | undefined },
): Setting<T, undefined> {
  const { parse, ...rest } = facts
  return { ...rest, kind: 'text', default: undefined, read: parse }
}

/** Several values: a repeated flag, a JSON array, or text separated by commas. */
export function list<T extends NonNullable<unknown>>(
  facts: SettingFacts & { expects: string; item: (value: unknown) => T | undefined; separator?: string | undefined },
): Setting<readonly T[], undefined> {
  const { item, separator = ',', ...rest } = facts
  return {
    ...rest,
    kind: 'list',
    default: undefined,
    read: (value) => {
      const parts = Array.isArray(value) ? value.flatMap((part) => split(part, separator)) : split(value, separator)
      const items = parts.map(item)
      return items.every((read) => read !== undefined) ? (items as T[]) : undefined
    },
  }
}

function split(value: unknown, separator: string): unknown[] {
  if (typeof value !== 'string') return value === undefined || value === null ? [] : [value]
  if (separator === '') return [value]
  return value
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Named values: repeated `key=value`, a JSON object, or the name of a `.json` file that holds one. Values that are JSON are read as such. */
export function record(facts: SettingFacts): Setting<Readonly<Record<string, unknown>>, undefined> {
  const expects = 'key=value pairs, a JSON object or a .json file that holds one'
  return { ...facts, kind: 'record', default: undefined, expects, read: readRecord }
}

function readRecord(value: unknown): Record<string, unknown> | undefined {
  if (Array.isArray(value)) {
    const records = value.map(readRecord)
    return records.every((part) => part !== undefined) ? Object.assign({}, ...records) : undefined
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  if (typeof value !== 'string') return undefined
  const parsed = parseJson(value.endsWith('.json') ? readText(value) : value)
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>
  const at = value.indexOf('=')
  if (at < 1) return undefined
  const word = value.slice(at + 1)
  return { [value.slice(0, at).trim()]: parseJson(word) ?? word }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}
