import { DiffgentorError } from '../errors.ts'
import { WorkRates } from './work-rates.ts'

/** How often urgent work may be put before other work, so that nobody waits forever. */
const MAX_OVERTAKEN = 16

/** What one request wants of the models. */
export interface Work<T> {
  /** Which rate its duration belongs to: the model's id. */
  model: string
  /** Size of the work, pixels × steps × pictures: what durations are compared by. */
  cost: number
  /** Higher goes first, until the others were overtaken often enough; equal ones in order of arrival. Default 0. */
  priority?: number | undefined
  /** Waits however long the queue is: for work that was accepted earlier, such as rows of a job. */
  skipsLimit?: boolean | undefined
  signal: AbortSignal
  /** Does the work; must stop soon after the signal fires. */
  run: (signal: AbortSignal) => Promise<T>
}

/** One piece of work in the queue. */
export interface Ticket<T> {
  readonly result: Promise<T>
  readonly state: 'waiting' | 'running' | 'finished'
  /** Unfinished work before this one; 0 runs or is next. */
  readonly position: number
  /** That work; empty once this one runs. */
  readonly ahead: readonly Ticket<unknown>[]
  /** Size of the work, as it was submitted. */
  readonly cost: number
  /** Seconds until it is finished, from measured rates; undefined until something was measured. */
  readonly etaSeconds: number | undefined
}

interface Entry {
  work: Work<unknown>
  priority: number
  state: Ticket<unknown>['state']
  startedAt: number
  start: () => void
  /** How often later work was put before this one. */
  overtaken: number
  ticket?: Ticket<unknown>
}

export interface RunQueueOptions {
  /** Pieces of work that run at once. */
  maxConcurrent: number
  /** Pieces of work that may wait, not counting those that skip the limit. */
  maxQueue: number
  /** Milliseconds; for tests. */
  now?: () => number
}

/** The one line in which all drawing waits, whatever door it came through. */
export class RunQueue {
  readonly #options: RunQueueOptions
  readonly #now: () => number
  readonly #rates = new WorkRates()
  readonly #running = new Set<Entry>()
  #waiting: Entry[] = []
  #closed = false
  #onIdle: (() => void)[] = []

  constructor(options: RunQueueOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** True once the server is shutting down. */
  get isClosed(): boolean {
    return this.#closed
  }

  get running(): number {
    return this.#running.size
  }

  /** Puts work into the line. Throws `queue_full` when too many wait, `not_ready` once the queue is closed. */
  submit<T>(work: Work<T>): Ticket<T> {
    if (this.#closed) {
      throw new DiffgentorError('not_ready', 'The server is shutting down; send the request again in a moment.', {
        retryAfterMs: 5000,
      })
    }
    work.signal.throwIfAborted()
    const mustWait = this.#running.size >= this.#options.maxConcurrent
    const limited = this.#waiting.filter((entry) => !entry.work.skipsLimit)
    if (mustWait && !work.skipsLimit && limited.length >= this.#options.maxQueue) throw this.#refuse()
    return this.#enter(work)
  }

  /** Takes no more work. Resolves when all that was accepted is finished. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#running.size === 0 && this.#waiting.length === 0) return
    await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  #enter<T>(work: Work<T>): Ticket<T> {
    const entry: Entry = {
      work,
      priority: work.priority ?? 0,
      state: 'waiting',
      startedAt: 0,
      start: () => undefined,
      overtaken: 0,
    }
    const result = new Promise<T>((resolve, reject) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== entry)
        entry.state = 'finished'
        reject(work.signal.reason)
        this.#startNext()
      }
      entry.start = () => {
        work.signal.removeEventListener('abort', leave)
        void this.#run(entry, work).then(resolve, reject)
      }
      work.signal.addEventListener('abort', leave, { once: true })
    })
    const place = this.#findPlace(entry)
    for (const other of this.#waiting.slice(place)) other.overtaken++
    this.#waiting.splice(place, 0, entry)
    this.#startNext()
    const queue = this
    const ticket: Ticket<T> = {
      result,
      cost: work.cost,
      get state() {
        return entry.state
      },
      get position() {
        return queue.#positionOf(entry)
      },
      get ahead() {
        return queue.#aheadOf(entry).map((other) => other.ticket!)
      },
      get etaSeconds() {
        return queue.#etaOf(entry)
      },
    }
    entry.ticket = ticket
    return ticket
  }

  /** Before everything less urgent, but for what was overtaken often enough. */
  #findPlace({ priority }: Entry): number {
    const first = this.#waiting.findLastIndex((other) => other.overtaken >= MAX_OVERTAKEN) + 1
    const place = this.#waiting.findIndex((other, index) => index >= first && other.priority < priority)
    return place === -1 ? this.#waiting.length : place
  }

  async #run<T>(entry: Entry, work: Work<T>): Promise<T> {
    entry.state = 'running'
    entry.startedAt = this.#now()
    try {
      const result = await work.run(work.signal)
      this.#rates.record(work.model, work.cost, (this.#now() - entry.startedAt) / 1000)
      return result
    } finally {
      entry.state = 'finished'
      this.#running.delete(entry)
      this.#startNext()
    }
  }

  #startNext(): void {
    while (this.#running.size < this.#options.maxConcurrent) {
      const entry = this.#waiting.shift()
      if (!entry) break
      this.#running.add(entry)
      entry.start()
    }
    if (this.#running.size > 0 || this.#waiting.length > 0) return
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  #positionOf(entry: Entry): number {
    return this.#aheadOf(entry).length
  }

  #aheadOf(entry: Entry): Entry[] {
    if (entry.state !== 'waiting') return []
    return [...this.#running, ...this.#waiting.slice(0, this.#waiting.indexOf(entry))]
  }

  #etaOf(entry: Entry): number | undefined {
    if (entry.state === 'finished') return 0
    if (entry.state === 'running') return this.#remainingSeconds(entry)
    const own = this.#remainingSeconds(entry)
    const before = sum(this.#aheadOf(entry).map((other) => this.#remainingSeconds(other)))
    return own === undefined || before === undefined ? undefined : before / this.#options.maxConcurrent + own
  }

  #remainingSeconds(entry: Entry): number | undefined {
    const whole = this.#rates.estimateSeconds(entry.work.model, entry.work.cost)
    if (whole === undefined || entry.state !== 'running') return whole
    return Math.max(0, whole - (this.#now() - entry.startedAt) / 1000)
  }

  #refuse(): DiffgentorError {
    const line = [...this.#running, ...this.#waiting]
    const seconds = sum(line.map((entry) => this.#remainingSeconds(entry)))
    const wait = seconds === undefined ? 10 : seconds / this.#options.maxConcurrent
    return new DiffgentorError(
      'queue_full',
      `The queue is full: ${this.#waiting.length} requests are waiting. Send the request again later.`,
      { retryAfterMs: Math.max(1, wait) * 1000 },
    )
  }
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce((total, value) => (total === undefined || value === undefined ? undefined : total + value), 0)
}
