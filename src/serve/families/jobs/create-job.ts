import { randomBytes, randomInt } from 'node:crypto'
import { extname } from 'node:path'
import { DiffgentorError } from '../../../errors.ts'
import { type FormBody, isForm, readForm } from '../../http/form-body.ts'
import { type RawFields, readJsonFields } from '../../http/json-body.ts'
import { ownerOf } from '../../http/owner.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { checkMode } from '../../requests/check-order.ts'
import type { SentPictures } from '../../requests/edit-source.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { EDIT_FIELDS, GENERATION_FIELDS } from '../openai/image-fields.ts'
import { type EditBody, readEditPictures, sortForm } from '../openai/read-edit.ts'
import { readEdit, readGeneration } from '../openai/read-order.ts'
import { readBatchSettings } from './batch-fields.ts'
import type { JobRecord } from './job.ts'
import { unixSeconds } from './job-board.ts'

/** A job that was checked and can be kept. */
export interface NewJob {
  record: JobRecord
  inputs: readonly Uint8Array[]
}

/** Pictures of an edit stand in files, not in the record. */
const PICTURE_FIELDS = ['image', 'images', 'url', 'mask', 'mask_image', 'file']

const SEEDS = 2 ** 32

/** Reads a job from JSON or a form and checks it as the route of its kind would. */
export async function createJob(services: Services, c: ServerContext): Promise<NewJob> {
  if (!isForm(c)) {
    const fields = await readJsonFields(c, services.limits.maxBody)
    return await createDrawing(services, c, { fields, images: [], mask: undefined })
  }
  const form = await readForm(c, { ...services.limits, maxImage: services.limits.maxBody })
  const file = form.files.find(({ field }) => field === 'file')
  return file ? await createBatch(services, c, form, file) : await createDrawing(services, c, sortForm(form))
}

async function createDrawing(services: Services, c: ServerContext, body: EditBody): Promise<NewJob> {
  const kind = chooseKind(body)
  checkMode(services, kind === 'edit' ? 'edit' : 'generate')
  const isAdmin = c.get('isAdmin')
  if (kind === 'generation') {
    const { model } = await readGeneration(services, parseFields(GENERATION_FIELDS, body.fields), isAdmin)
    return { record: newRecord(c, kind, model.id, keepFields(body.fields)), inputs: [] }
  }
  const fields = parseFields(EDIT_FIELDS, body.fields)
  const pictures = await readEditPictures(services, body, fields, c.req.raw.signal)
  const { model } = await readEdit(services, fields, pictures, isAdmin)
  const record = newRecord(c, kind, model.id, keepFields(body.fields))
  return {
    record: { ...record, ...nameInputs(pictures) },
    inputs: [...pictures.images, ...(pictures.mask ? [pictures.mask.bytes] : [])],
  }
}

function chooseKind({ fields, images }: EditBody): 'generation' | 'edit' {
  if (fields.kind === 'generation' || fields.kind === 'edit') return fields.kind
  if (fields.kind !== undefined && fields.kind !== null) {
    throw new DiffgentorError('invalid_field', 'kind must be generation or edit; a batch needs a file.', { field: 'kind' })
  }
  return images.length > 0 || ['image', 'images', 'url'].some((name) => fields[name] !== undefined) ? 'edit' : 'generation'
}

async function createBatch(
  services: Services,
  c: ServerContext,
  { fields }: FormBody,
  file: FormBody['files'][number],
): Promise<NewJob> {
  const { kind, warnings } = readBatchSettings(services.settings, fields, '.')
  checkMode(services, kind === 'edit' ? 'edit' : 'generate')
  const model = services.models.find(typeof fields.model === 'string' ? fields.model : undefined)
  const extension = extname(file.filename).toLowerCase()
  if (!/^\.(txt|jsonl|ndjson|json|csv|tsv|parquet)$/.test(extension)) {
    throw new DiffgentorError(
      'invalid_request',
      `The file must be named by its format: txt, jsonl, json, csv, tsv or parquet, got "${file.filename}".`,
      { field: 'file' },
    )
  }
  const record = newRecord(c, 'batch', model.id, keepFields(fields))
  return { record: { ...record, inputs: [`input${extension}`], warnings }, inputs: [file.bytes] }
}

/** What is needed to ask for the same again: a seed that was not given is drawn now, so that a restart changes no picture. */
function keepFields(fields: RawFields): RawFields {
  const kept = Object.entries(fields).filter(([name, value]) => value !== null && !PICTURE_FIELDS.includes(name))
  return { seed: randomInt(SEEDS), ...Object.fromEntries(kept.map(([name, value]) => [name, toText(value)])) }
}

/** Long texts of JSON and files of forms come as bytes; the record of a job is JSON. */
function toText(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toText)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}

function nameInputs({ images, mask }: SentPictures): Pick<JobRecord, 'inputs' | 'mask'> {
  const names = images.map((_, place) => `image_${place}`)
  return mask ? { inputs: [...names, 'mask'], mask: { name: 'mask', meaning: mask.meaning } } : { inputs: names }
}

function newRecord(c: ServerContext, kind: JobRecord['kind'], model: string, fields: RawFields): JobRecord {
  return {
    id: `job_${randomBytes(12).toString('hex')}`,
    kind,
    owner: ownerOf(c),
    state: 'queued',
    model,
    createdAt: unixSeconds(),
    warnings: [],
    fields,
    inputs: [],
    isAdmin: c.get('isAdmin'),
    outputs: [],
  }
}
