import { DiffgentorError, toDiffgentorError } from '../../../errors.ts'
import { describeProblem } from '../../http/problem.ts'
import type { Services } from '../../services.ts'
import { describeJob, isFinished, type JobAnswer, type JobProgress, type JobRecord } from './job.ts'
import { isJobId, type JobStore } from './job-store.ts'
import { runBatchJob } from './run-batch-job.ts'
import { runDrawingJob } from './run-drawing-job.ts'

/** What the work of a job is done with. */
export interface JobRun {
  services: Services
  store: JobStore
  record: JobRecord
  /** Fires when the job is cancelled. */
  signal: AbortSignal
  /** Fires when the server ends: work in flight may finish, the rest waits for the next start. */
  closing: AbortSignal
  /** Tells how far it is. */
  report: (progress: JobProgress) => void
}

interface Entry {
  record: JobRecord
  progress: JobProgress | undefined
  controller: AbortController
  work: Promise<void>
  /** Its caller wants no more of it. */
  isCancelled: boolean
  /** Wakes those who watch. */
  watchers: Set<() => void>
}

/** Pause between two messages to one watcher, in milliseconds. */
const WATCH_INTERVAL = 200

/** The jobs of a server: asynchronous work that outlives its callers and the server itself. */
export class JobBoard {
  readonly #services: Services
  readonly #store: JobStore
  readonly #entries = new Map<string, Entry>()
  readonly #closing = new AbortController()
  readonly #recovered: Promise<void>

  constructor(services: Services, store: JobStore) {
    this.#services = services
    this.#store = store
    this.#recovered = this.#recover()
    services.closing.add((now) => this.#close(now))
  }

  /** Keeps a new job and begins it. */
  async add(record: JobRecord, inputs: readonly Uint8Array[]): Promise<JobAnswer> {
    await this.#recovered
    await this.#store.create(record, inputs)
    const entry = this.#enter(record)
    this.#start(entry)
    return describeJob(entry.record, entry.progress)
  }

  /** A caller's jobs, newest first. */
  async list(owner: string): Promise<JobAnswer[]> {
    await this.#recovered
    const own = [...this.#entries.values()].filter(({ record }) => record.owner === owner)
    return own.reverse().map(({ record, progress }) => describeJob(record, progress))
  }

  /** Throws `not_found` for a job that does not exist or belongs to another key. */
  async get(id: string, owner: string): Promise<JobAnswer> {
    const { record, progress } = await this.#find(id, owner)
    return describeJob(record, progress)
  }

  /** Stops a job; one that is finished stays as it is. */
  async cancel(id: string, owner: string): Promise<JobAnswer> {
    const entry = await this.#find(id, owner)
    entry.isCancelled = true
    entry.controller.abort(new DiffgentorError('cancelled', 'The job was cancelled.'))
    await entry.work
    return describeJob(entry.record, entry.progress)
  }

  /** Stops a job and removes all that it made. */
  async remove(id: string, owner: string): Promise<void> {
    await this.cancel(id, owner)
    this.#entries.delete(id)
    await this.#store.remove(id)
  }

  /** The job now and after each change, until it is finished or the signal fires. */
  async *watch(id: string, owner: string, signal: AbortSignal): AsyncGenerator<JobAnswer> {
    const entry = await this.#find(id, owner)
    while (!signal.aborted && !this.#closing.signal.aborted) {
      const change = this.#nextChange(entry, signal)
      const answer = describeJob(entry.record, entry.progress)
      yield answer
      if (isFinished(entry.record) && answer.status === entry.record.state) return
      await change
    }
  }

  async #nextChange(entry: Entry, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        entry.watchers.delete(wake)
        signal.removeEventListener('abort', wake)
        // Many steps a second make one message; the end is told at once.
        if (isFinished(entry.record) || signal.aborted) resolve()
        else setTimeout(resolve, WATCH_INTERVAL).unref()
      }
      entry.watchers.add(wake)
      signal.addEventListener('abort', wake, { once: true })
    })
  }

  async #find(id: string, owner: string): Promise<Entry> {
    await this.#recovered
    const entry = isJobId(id) ? this.#entries.get(id) : undefined
    if (entry?.record.owner === owner) return entry
    throw new DiffgentorError('not_found', `Job '${id.slice(0, 64)}' not found`)
  }

  /** Takes over what an earlier server left, and goes on with what was not finished once the models are ready. */
  async #recover(): Promise<void> {
    const records = await this.#store.readAll()
    const open = records.map((record) => this.#enter(record)).filter(({ record }) => !isFinished(record))
    void this.#services.models.ready.then(
      () => {
        for (const entry of open) this.#start(entry)
      },
      () => undefined,
    )
  }

  #enter(record: JobRecord): Entry {
    const entry: Entry = {
      record,
      progress: undefined,
      controller: new AbortController(),
      work: Promise.resolve(),
      isCancelled: false,
      watchers: new Set(),
    }
    this.#entries.set(record.id, entry)
    return entry
  }

  #start(entry: Entry): void {
    if (this.#closing.signal.aborted) return
    entry.work = this.#work(entry).catch((error: unknown) => {
      this.#services.log.error({ err: error, job: entry.record.id }, 'a job could not be recorded')
    })
  }

  async #work(entry: Entry): Promise<void> {
    const run: JobRun = {
      services: this.#services,
      store: this.#store,
      record: entry.record,
      signal: entry.controller.signal,
      closing: this.#closing.signal,
      report: (progress) => {
        entry.progress = progress
        const isStarting = entry.record.startedAt === undefined && progress.position === 0
        if (isStarting) entry.record = { ...entry.record, state: 'in_progress', startedAt: unixSeconds() }
        if (progress.counts) entry.record = { ...entry.record, counts: progress.counts }
        notify(entry)
      },
    }
    try {
      const outcome = await (entry.record.kind === 'batch' ? runBatchJob(run) : runDrawingJob(run))
      if (outcome === 'postponed') return
      await this.#finish(entry, { ...entry.record, ...outcome })
    } catch (thrown) {
      if (this.#closing.signal.aborted && !entry.isCancelled) return
      const error = toDiffgentorError(thrown)
      const state = entry.isCancelled ? 'cancelled' : 'failed'
      const { message, type, code } = describeProblem(error)
      await this.#finish(entry, { ...entry.record, state, ...(state === 'failed' && { error: { message, type, code } }) })
    }
  }

  async #finish(entry: Entry, record: JobRecord): Promise<void> {
    entry.record = { ...record, finishedAt: unixSeconds() }
    // What a running job tells hangs on its place in the queue, and that on all that was drawn.
    if (entry.progress) entry.progress = { share: entry.progress.share, position: 0, etaSeconds: undefined }
    await this.#store.save(entry.record)
    notify(entry)
  }

  /** Waits for work in flight, unless there is no time; what waits in the queue is left for the next start. */
  async #close(now: AbortSignal): Promise<void> {
    this.#closing.abort()
    const entries = [...this.#entries.values()]
    for (const entry of entries) notify(entry)
    const stop = () => {
      for (const { controller } of entries) controller.abort()
    }
    if (now.aborted) stop()
    else now.addEventListener('abort', stop, { once: true })
    await Promise.all(entries.map((entry) => entry.work))
  }
}

function notify({ watchers }: Entry): void {
  for (const wake of [...watchers]) wake()
}

/** Now, in whole seconds since 1970. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
