import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy } from '@fastify/busboy'
import { DiffgentorError } from '../../errors.ts'
import { joinPieces } from '../../event-loop/join-pieces.ts'
import { parseJsonFields, type RawFields } from './json-body.ts'
import { type BodyLimits, collectPieces, readPieces, tooLarge } from './request-body.ts'
import type { ServerContext } from './server-env.ts'

/** A file of a form. Its content alone tells what it is. */
export interface UploadedFile {
  /** Name of the field, without `[]`. */
  field: string
  filename: string
  bytes: Uint8Array
}

export interface FormBody {
  fields: RawFields
  /** In the order of the body. */
  files: UploadedFile[]
}

const MAX_FIELDS = 1000
const MAX_FILES = 64

/** True for the two content types that HTML forms have. */
export function isForm(c: ServerContext): boolean {
  return /^\s*(multipart\/form-data|application\/x-www-form-urlencoded)/i.test(c.req.header('content-type') ?? '')
}

/** Reads a form as it arrives. Bracket keys nest (`lora[name]`), `name[]` repeats, empty texts count as absent. */
export async function readForm(c: ServerContext, limits: BodyLimits): Promise<FormBody> {
  if (isMultipart(c)) return await parseForm(c, limits, readPieces(c, limits.maxBody))
  const pieces = await collectPieces(c, limits.maxBody)
  // curl calls every body a form that is not called otherwise.
  if (looksLikeJson(pieces)) return { fields: await parseJsonFields(c, pieces), files: [] }
  return await parseForm(c, limits, pieces)
}

function isMultipart(c: ServerContext): boolean {
  return /^\s*multipart/i.test(c.req.header('content-type') ?? '')
}

function looksLikeJson([first]: readonly Uint8Array[]): boolean {
  return first !== undefined && /^\s*\{/.test(Buffer.from(first.subarray(0, 100)).toString('latin1'))
}

async function parseForm(
  c: ServerContext,
  limits: BodyLimits,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<FormBody> {
  const form: FormBody = { fields: {}, files: [] }
  const uploads: { field: string; filename: string; pieces: Buffer[] }[] = []
  const parser = openParser(c, limits)
  let fault: DiffgentorError | undefined
  const fail = (error: DiffgentorError) => {
    fault ??= error
    parser.destroy(error)
  }
  parser.on('field', (name, text, _nameTruncated, isTruncated) => {
    if (isTruncated) fail(tooLarge(limits.maxBody, `The field ${name}`))
    else setField(form.fields, name, text)
  })
  parser.on('file', (name, stream, filename) => {
    const pieces: Buffer[] = []
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('limit', () => fail(tooLarge(limits.maxImage, `The file ${filename || name}`)))
    stream.on('error', () => undefined)
    stream.on('end', () => uploads.push({ field: name.replace(/\[\d*\]$/, ''), filename: filename ?? '', pieces }))
  })
  parser.on('filesLimit', () => fail(new DiffgentorError('invalid_request', `A form may hold at most ${MAX_FILES} files.`)))
  parser.on('fieldsLimit', () => fail(new DiffgentorError('invalid_request', `A form may hold at most ${MAX_FIELDS} fields.`)))
  try {
    await pipeline(Readable.from(body, { objectMode: true }), parser)
  } catch (thrown) {
    if (fault) throw fault
    if (thrown instanceof DiffgentorError) throw thrown
    throw new DiffgentorError('invalid_request', 'The form cannot be read: it is torn or has no boundary.', { cause: thrown })
  }
  for (const { pieces, ...file } of uploads) form.files.push({ ...file, bytes: await joinPieces(pieces) })
  c.set('fields', form.fields)
  return form
}

function openParser(c: ServerContext, limits: BodyLimits) {
  try {
    return new Busboy({
      headers: { 'content-type': c.req.header('content-type')! },
      limits: { fileSize: limits.maxImage, fieldSize: limits.maxBody, fields: MAX_FIELDS, files: MAX_FILES, fieldNameSize: 200 },
    })
  } catch (cause) {
    throw new DiffgentorError('invalid_request', 'The form cannot be read: its content type names no boundary.', { cause })
  }
}

/** `lora[name]` sets a nested field, `url[]` and repeated names collect. */
function setField(fields: RawFields, name: string, text: string): void {
  if (text === '') return
  const path = name.replace(/\]/g, '').split('[')
  const isList = path.at(-1) === ''
  if (isList) path.pop()
  if (path.some((part) => part === '__proto__')) return
  const last = path.pop() ?? name
  let target = fields
  for (const part of path) {
    const known = Object.hasOwn(target, part) ? target[part] : undefined
    const inner = isPlain(known) ? known : {}
    target[part] = inner
    target = inner
  }
  const earlier = Object.hasOwn(target, last) ? target[last] : undefined
  if (earlier === undefined) target[last] = isList ? [text] : text
  else target[last] = Array.isArray(earlier) ? [...earlier, text] : [earlier, text]
}

function isPlain(value: unknown): value is RawFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
