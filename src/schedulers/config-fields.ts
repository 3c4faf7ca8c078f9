import { nearestName } from '../config/nearest-name.ts'
import { DiffgentorError } from '../errors.ts'

/** One key of a scheduler's configuration: its default and what it accepts. */
export interface ConfigField<Value> {
  readonly default: Value
  /** What the key takes, in words. */
  readonly expected: string
  /** The value to use, or undefined when it is not of the expected kind. */
  read(value: unknown): Value | undefined
}

/** Every key that a class knows, in the order in which they are listed. */
export type ConfigFields = Readonly<Record<string, ConfigField<unknown>>>

/** The configuration that a table of fields describes. Keys are those of diffusers, as they stand in a scheduler_config.json. */
export type ConfigOf<Fields> = { readonly [Key in keyof Fields]: Fields[Key] extends ConfigField<infer Value> ? Value : never }

function field<Value>(fallback: Value, expected: string, read: (value: unknown) => Value | undefined): ConfigField<Value> {
  return { default: fallback, expected, read }
}

const asNumber = (value: unknown) => (typeof value === 'number' && !Number.isNaN(value) ? value : undefined)

/** Any number, infinities included. */
export const number = (fallback: number) => field(fallback, 'a number', asNumber)

/** A number, or null for none. */
export const optionalNumber = () =>
  field<number | null>(null, 'a number or null', (value) => (value === null ? null : asNumber(value)))

/** A whole number not below a minimum. */
export const integer = (fallback: number, minimum = 0) =>
  field(fallback, `a whole number of at least ${minimum}`, (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= minimum ? value : undefined,
  )

/** True or false. */
export const flag = (fallback: boolean) =>
  field(fallback, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined))

/** One of a few words. `aliases` are words of other classes that diffusers reads as one of ours. */
export function choice<const Word extends string>(
  fallback: NoInfer<Word>,
  words: readonly Word[],
  aliases: Readonly<Record<string, NoInfer<Word>>> = {},
): ConfigField<Word> {
  return field(fallback, `one of ${words.join(', ')}`, (value) => {
    const word = typeof value === 'string' ? (aliases[value] ?? value) : undefined
    return words.find((candidate) => candidate === word)
  })
}

/** One of a few words, or null for none. */
export const optionalChoice = <const Word extends string>(words: readonly Word[]) =>
  field<Word | null>(null, `one of ${words.join(', ')} or null`, (value) =>
    value === null ? null : words.find((candidate) => candidate === value),
  )

function asNumbers(value: unknown): readonly number[] | undefined {
  return Array.isArray(value) && value.every((item) => asNumber(item) !== undefined) ? value : undefined
}

/** A list of numbers, empty by default. */
export const numberList = () => field<readonly number[]>([], 'a list of numbers', asNumbers)

/** A list of numbers, or null for none. */
export const optionalNumberList = () =>
  field<readonly number[] | null>(null, 'a list of numbers or null', (value) => (value === null ? null : asNumbers(value)))

/**
 * Reads a class's configuration as diffusers' `from_config` does: keys of the model's file count where the class knows them,
 * other keys fall away, absent ones take the class's default. Overrides must be known to the class.
 *
 * @throws DiffgentorError `model_unreadable` for a bad value in the file, `invalid_request` for a bad or unknown override.
 */
export function readConfig<Fields extends ConfigFields>(
  className: string,
  fields: Fields,
  modelConfig: Readonly<Record<string, unknown>>,
  overrides: Readonly<Record<string, unknown>>,
): ConfigOf<Fields> {
  for (const key of Object.keys(overrides)) {
    if (!Object.hasOwn(fields, key)) throw unknownOverride(className, key, Object.keys(fields))
  }
  const config: Record<string, unknown> = {}
  for (const [key, { default: fallback, expected, read }] of Object.entries(fields)) {
    const source = overrides[key] === undefined ? modelConfig : overrides
    const given = source[key] ?? null
    const value = given === null ? (read(null) ?? fallback) : read(given)
    if (value === undefined) {
      throw new DiffgentorError(
        source === overrides ? 'invalid_request' : 'model_unreadable',
        `The option ${key} of ${className} takes ${expected}, not ${JSON.stringify(given)}.`,
        { field: key },
      )
    }
    config[key] = value
  }
  return config as ConfigOf<Fields>
}

function unknownOverride(className: string, key: string, known: readonly string[]): DiffgentorError {
  const nearest = nearestName(key, known)
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  return new DiffgentorError('invalid_request', `${className} has no option ${key}.${hint} It takes ${known.join(', ')}.`, {
    field: key,
  })
}
