import type { Progress } from '../../contract/index.ts'
import type { ToWorker, WorkerAnswer } from './worker-protocol.ts'

/** Work for a process that holds the model, without its id. */
export type Work = WorkOf<'draw'> | WorkOf<'warm-up'> | WorkOf<'describe'> | WorkOf<'embed'> | WorkOf<'enlarge'>

type WorkOf<Type extends ToWorker['type']> = Omit<Extract<ToWorker, { type: Type }>, 'id'>

/** What goes with a piece of work. */
export interface JobContext {
  signal: AbortSignal
  /** Called when a process begins with it. */
  onStart?: (() => void) | undefined
  onProgress?: ((event: Progress) => void) | undefined
  /** How many processes may be at work like this at once. Default: all. */
  maxWorkers?: number | undefined
}

/** A piece of work on its way to an answer, which it gets once. */
export class Job {
  static #lastId = 0

  readonly id = ++Job.#lastId
  readonly work: Work
  readonly context: JobContext
  readonly answer: Promise<WorkerAnswer>
  isStarted = false
  #isSettled = false
  #resolve!: (answer: WorkerAnswer) => void
  #reject!: (error: unknown) => void

  constructor(work: Work, context: JobContext) {
    this.work = work
    this.context = context
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  start(): void {
    this.isStarted = true
    if (!this.#isSettled) this.context.onStart?.()
  }

  tell(event: Progress): void {
    if (!this.#isSettled) this.context.onProgress?.(event)
  }

  resolve(answer: WorkerAnswer): void {
    this.#isSettled = true
    this.#resolve(answer)
  }

  reject(error: unknown): void {
    this.#isSettled = true
    this.#reject(error)
  }
}
