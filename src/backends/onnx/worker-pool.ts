import { DiffgentorError } from '../../errors.ts'
import type { PipelineOptions } from '../../pipelines/index.ts'
import { Worker } from './worker.ts'
import { Job, type JobContext, type Work } from './worker-job.ts'
import type { WorkerAnswer } from './worker-protocol.ts'

export interface PoolOptions {
  /** Processes at most; each is started when there is work for it. */
  size: number
  /** Pieces of work that one process may hold, so that it never waits for the next. */
  depth: number
  /** A process is replaced after so many pictures. */
  recycleAfter?: number | undefined
  /** A process is replaced when it has grown beyond so many bytes. */
  maxResidentBytes?: number | undefined
  /** How the process in a place opens the model. */
  pipelineOptions: (place: number) => PipelineOptions
}

/** Processes that hold the same model, and the work that waits for them. */
export class WorkerPool {
  readonly #options: PoolOptions
  readonly #places: (Worker | undefined)[]
  readonly #waiting: Job[] = []
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#places = new Array<Worker | undefined>(options.size).fill(undefined)
  }

  get size(): number {
    return this.#options.size
  }

  get depth(): number {
    return this.#options.depth
  }

  /** Ids of the processes that are running. */
  get processIds(): number[] {
    return this.#workers.flatMap(({ processId }) => processId ?? [])
  }

  /** Has a piece of work done. Rejects as soon as the signal fires, with its reason. */
  async run(work: Work, context: JobContext): Promise<WorkerAnswer> {
    if (this.#isClosed) throw closedError()
    context.signal.throwIfAborted()
    const job = new Job(work, context)
    const abort = () => this.#cancel(job, context.signal.reason)
    context.signal.addEventListener('abort', abort)
    try {
      this.#waiting.push(job)
      this.#dispatch()
      return await job.answer
    } finally {
      context.signal.removeEventListener('abort', abort)
    }
  }

  /** Ends every process when it has done its work; later work gets fresh ones. */
  async drain(): Promise<void> {
    for (const worker of this.#workers) worker.isRetiring = true
    await Promise.all(this.#workers.map((worker) => (worker.load === 0 ? worker.kill() : worker.exited)))
  }

  /** Kills every process at once; unfinished work is rejected as `cancelled`. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const job of this.#waiting.splice(0)) job.reject(closedError())
    for (const worker of this.#workers) worker.abandon(closedError())
    await Promise.all(this.#workers.map((worker) => worker.kill()))
  }

  get #workers(): Worker[] {
    return this.#places.filter((worker) => worker !== undefined)
  }

  #dispatch(): void {
    while (this.#waiting[0] && !this.#isClosed) {
      const worker = this.#choose(this.#waiting[0].context.maxWorkers ?? this.size)
      if (!worker) return
      worker.give(this.#waiting.shift()!)
    }
  }

  /** An idle process, else a new one in an empty place, else the one with the least to do. */
  #choose(maxWorkers: number): Worker | undefined {
    const usable = this.#places.slice(0, maxWorkers)
    const open = usable.filter((worker) => worker !== undefined && this.#takesMore(worker)) as Worker[]
    const [least] = open.sort((a, b) => a.load - b.load)
    if (least?.load === 0) return least
    const empty = usable.indexOf(undefined)
    if (empty < 0) return least
    const worker = new Worker(this.#options.pipelineOptions(empty), {
      onAnswer: (answered) => this.#afterAnswer(answered),
      onExit: (left, orphans) => this.#afterExit(left, orphans),
    })
    this.#places[empty] = worker
    return worker
  }

  #takesMore(worker: Worker): boolean {
    const { recycleAfter = Number.POSITIVE_INFINITY, depth } = this.#options
    return !worker.isRetiring && worker.load < Math.min(depth, recycleAfter - worker.pictures)
  }

  #afterAnswer(worker: Worker): void {
    const { recycleAfter = Number.POSITIVE_INFINITY, maxResidentBytes = Number.POSITIVE_INFINITY } = this.#options
    if (worker.pictures >= recycleAfter || worker.residentBytes > maxResidentBytes) worker.isRetiring = true
    if (worker.isRetiring && worker.load === 0) void worker.kill()
    else this.#dispatch()
  }

  #afterExit(worker: Worker, orphans: Job[]): void {
    this.#places[this.#places.indexOf(worker)] = undefined
    this.#waiting.unshift(...orphans)
    this.#dispatch()
  }

  #cancel(job: Job, reason: unknown): void {
    const place = this.#waiting.indexOf(job)
    if (place >= 0) this.#waiting.splice(place, 1)
    for (const worker of this.#workers) worker.cancel(job)
    job.reject(reason)
  }
}

function closedError(): DiffgentorError {
  return new DiffgentorError('cancelled', 'The model was closed before the picture was done.')
}
