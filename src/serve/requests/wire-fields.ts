import { z } from 'zod'
import { DiffgentorError } from '../../errors.ts'
import type { RawFields } from '../http/json-body.ts'
import { isMissingField } from '../http/problem.ts'

/** Numbers arrive as text in forms, and from some JSON clients too. */
function readNumber(value: unknown): unknown {
  if (typeof value !== 'string' || value.trim() === '') return value
  const number = Number(value)
  return Number.isNaN(number) ? value : number
}

function readBoolean(value: unknown): unknown {
  const word = String(value).trim().toLowerCase()
  if (word === 'true' || word === '1') return true
  return word === 'false' || word === '0' ? false : value
}

/** JSON text where an object or a list is expected, as forms send it. */
function readJsonText(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

export const wireInteger = (min: number, max: number) => z.preprocess(readNumber, z.int().min(min).max(max)).optional()

export const wireNumber = (min: number, max: number) => z.preprocess(readNumber, z.number().min(min).max(max)).optional()

export const wireBoolean = z.preprocess(readBoolean, z.boolean()).optional()

export const wireText = z.string().optional()

/** One of a few words in any case; `synonyms` maps other spellings to them. */
export const wireWord = <const W extends string>(words: readonly [W, ...W[]], synonyms: Record<string, W> = {}) =>
  z
    .preprocess((value) => {
      const word = typeof value === 'string' ? value.trim().toLowerCase() : value
      return (typeof word === 'string' && synonyms[word]) || word
    }, z.enum(words))
    .optional()

/** A field that is read as given, after JSON text was parsed. */
export const wireJson = <S extends z.ZodType>(schema: S) => z.preprocess(readJsonText, schema).optional()

/** Validates fields. `null` counts as absent, unknown fields are ignored, and nested ones, as in `extra_body`, win over the top level. */
export function parseFields<S extends z.ZodType>(schema: S, raw: RawFields): z.output<S> {
  const parsed = schema.safeParse(dropNulls(mergeExtra(raw)))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const field = issue?.path.map(String).join('.') || undefined
  const message =
    issue && isMissingField(issue) ? `Field required: '${field}'.` : `Invalid value for '${field}': ${issue?.message}.`
  throw new DiffgentorError('invalid_field', message, { field, cause: parsed.error })
}

function mergeExtra(raw: RawFields): RawFields {
  const nested = ['diffusers_kwargs', 'extra_params', 'extra_body'].map((name) => readJsonText(raw[name])).filter(isPlain)
  return Object.assign({}, raw, ...nested.map(dropNulls))
}

function dropNulls(raw: RawFields): RawFields {
  return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null && value !== undefined))
}

function isPlain(value: unknown): value is RawFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
