import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import { OUTPUT_FORMATS } from '../../../images/encode-picture.ts'
import { eventStreamAnswer, type ServerEvent } from '../../http/event-stream.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { parseFields, wireInteger, wireText } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import type { Family } from '../family.ts'
import { EDIT_FIELDS } from '../openai/image-fields.ts'
import { BATCH_FIELDS } from './batch-fields.ts'
import { createJob } from './create-job.ts'
import { JOB_ANSWER, type JobAnswer } from './job.ts'
import { JobBoard } from './job-board.ts'
import { JobStore } from './job-store.ts'

const DEFAULT_FOLDER = './diffgentor-jobs'

const PAGE_QUERY = z.object({
  limit: wireInteger(1, 1000).describe('Entries of a page, default 100'),
  after: wireText.describe('Last entry of the page before'),
})

const JOB = { status: 200, description: 'The job', schema: JOB_ANSWER }
const LIST = {
  status: 200,
  description: 'A page',
  schema: z.object({ object: z.literal('list'), data: z.array(z.unknown()), has_more: z.boolean() }),
}

/** Asynchronous work: a generation, an edit, or a whole data set. */
export const jobsFamily: Family = {
  name: 'jobs',
  register(book, services) {
    const store = new JobStore(services.settings.jobsDir ?? DEFAULT_FOLDER)
    const board = new JobBoard(services, store)
    registerCreate(book, services, board)
    registerReading(book, board, store)
    registerEnding(book, board)
  },
}

function registerCreate(book: RouteBook, services: Services, board: JobBoard): void {
  book.add(
    {
      method: 'post',
      path: '/v1/jobs',
      tag: 'Jobs',
      summary: 'Begin work that goes on without its caller',
      description:
        'JSON or a form with the fields of a generation or an edit (kind says which), or a form with a file of prompts or rows and the settings of a batch.',
      json: EDIT_FIELDS.extend({ kind: wireText.describe('generation or edit; default: edit where pictures are given') }),
      form: BATCH_FIELDS,
      example: { prompt: 'a red apple', n: 4, seed: 42 },
      answers: [{ ...JOB, status: 202 }],
    },
    async (c) => {
      const { record, inputs } = await createJob(services, c)
      return jsonAnswer(await board.add(record, inputs), 202, { location: `/v1/jobs/${record.id}` })
    },
  )
}

function registerReading(book: RouteBook, board: JobBoard, store: JobStore): void {
  const common = { method: 'get', tag: 'Jobs' } as const
  book.add({ ...common, path: '/v1/jobs', summary: 'List jobs, newest first', query: PAGE_QUERY, answers: [LIST] }, async (c) => {
    const { limit = 100, after } = parseFields(PAGE_QUERY, c.req.query())
    const jobs = await board.list(ownerOf(c))
    const start = after === undefined ? 0 : jobs.findIndex((job) => job.id === after) + 1
    const isUnknown = after !== undefined && start === 0
    const data = isUnknown ? [] : jobs.slice(start, start + limit)
    return jsonAnswer({ object: 'list', data, has_more: !isUnknown && start + limit < jobs.length })
  })
  book.add({ ...common, path: '/v1/jobs/{id}', summary: 'Tell how far a job is', answers: [JOB] }, async (c) =>
    jsonAnswer(await readJob(board, c)),
  )
  book.add(
    {
      ...common,
      path: '/v1/jobs/{id}/events',
      summary: 'Follow a job',
      answers: [
        { status: 200, description: 'The job after each change, as events named after its status', type: 'text/event-stream' },
      ],
    },
    async (c) => {
      const job = await readJob(board, c)
      return eventStreamAnswer(tellJob(board.watch(job.id, ownerOf(c), c.req.raw.signal)))
    },
  )
  book.add(
    { ...common, path: '/v1/jobs/{id}/results', summary: 'List the pictures of a job', query: PAGE_QUERY, answers: [LIST] },
    async (c) => await answerResults(board, store, c),
  )
  book.add(
    {
      ...common,
      path: '/v1/jobs/{id}/files/{name+}',
      summary: 'Fetch a file of a job: a picture, or ledger.jsonl and results.csv of a batch',
      answers: [{ status: 200, description: 'The file', type: 'image/png' }],
    },
    async (c) => await answerFile(board, store, c),
  )
}

function registerEnding(book: RouteBook, board: JobBoard): void {
  book.add(
    { method: 'post', path: '/v1/jobs/{id}/cancel', tag: 'Jobs', summary: 'Stop a job and keep what it made', answers: [JOB] },
    async (c) => jsonAnswer(await board.cancel(c.req.param('id') ?? '', ownerOf(c))),
  )
  book.add(
    {
      method: 'delete',
      path: '/v1/jobs/{id}',
      tag: 'Jobs',
      summary: 'Stop a job and remove what it made',
      answers: [
        { status: 200, description: 'Removed', schema: z.object({ id: z.string(), object: z.string(), deleted: z.boolean() }) },
      ],
    },
    async (c) => {
      const id = c.req.param('id') ?? ''
      await board.remove(id, ownerOf(c))
      return jsonAnswer({ id, object: 'job.deleted', deleted: true })
    },
  )
}

async function readJob(board: JobBoard, c: ServerContext): Promise<JobAnswer> {
  return await board.get(c.req.param('id') ?? '', ownerOf(c))
}

async function* tellJob(changes: AsyncIterable<JobAnswer>): AsyncGenerator<ServerEvent> {
  for await (const job of changes) yield { event: `job.${job.status}`, data: job }
}

async function answerResults(board: JobBoard, store: JobStore, c: ServerContext): Promise<Response> {
  const job = await readJob(board, c)
  const { limit = 100, after = '0' } = parseFields(PAGE_QUERY, c.req.query())
  const first = Number(after)
  if (!Number.isSafeInteger(first) || first < 0) {
    throw new DiffgentorError('invalid_field', 'after must be the last_id of the page before.', { field: 'after' })
  }
  const data: object[] = []
  let place = 0
  for await (const { url, ...result } of listResults(job, store)) {
    if (place++ < first) continue
    if (data.length === limit) return jsonAnswer({ object: 'list', data, has_more: true, last_id: String(first + limit) })
    data.push({ ...result, url })
  }
  return jsonAnswer({ object: 'list', data, has_more: false, last_id: String(first + data.length) })
}

async function* listResults(job: JobAnswer, store: JobStore): AsyncGenerator<{ url: string }> {
  if (job.kind !== 'batch') yield* job.results
  else
    for await (const result of store.readBatchResults(job.id)) {
      yield { ...result, url: `/v1/jobs/${job.id}/files/${result.file}` }
    }
}

async function answerFile(board: JobBoard, store: JobStore, c: ServerContext): Promise<Response> {
  const job = await readJob(board, c)
  const name = c.req.param('name') ?? ''
  const file = await store.openOutput(job.id, name)
  if (!file) throw new DiffgentorError('not_found', 'File not found')
  const headers = { 'content-type': typeOf(name), 'content-length': String(file.size), 'x-content-type-options': 'nosniff' }
  if (c.req.method === 'HEAD' || file.size === 0) return new Response(null, { headers })
  return new Response(ReadableStream.from(file.read()), { headers })
}

/** Only our own files are here, so their names tell what they are. */
function typeOf(name: string): string {
  const file = name.toLowerCase().replace(/\.jpeg$/, '.jpg')
  const picture = Object.values(OUTPUT_FORMATS).find(({ extension }) => file.endsWith(extension))
  return picture?.mime ?? 'application/octet-stream'
}
