import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from '../../config/user-folders.ts'
import { DiffgentorError } from '../../errors.ts'
import type { PipelineOptions } from '../../pipelines/index.ts'
import type { Job } from './worker-job.ts'
import { type FromWorker, type ToWorker, unpackError } from './worker-protocol.ts'

/** Lets glibc hand memory back when a graph is released, and halves the peak of convolutions. */
const MEMORY_VARIABLES = { MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' }

/** How long a cancelled step may go on before its process is killed. */
const CANCEL_GRACE_MS = 10_000
/** How much of what a dying process wrote is kept for its error. */
const KEPT_CHARACTERS = 2000

export interface WorkerEvents {
  /** A piece of work was answered. */
  onAnswer(worker: Worker): void
  /** The process has ended; `orphans` had not been begun. */
  onExit(worker: Worker, orphans: Job[]): void
}

/** A process that holds the model, with the work that it was given, first in, first out. */
export class Worker {
  readonly #child: ChildProcess
  readonly #events: WorkerEvents
  readonly #jobs: Job[] = []
  #lastOutput = ''
  #hasAnswered = false
  #isGone = false
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>
  /** Pictures that it has drawn. */
  pictures = 0
  /** Resident size after the last piece of work, in bytes. */
  residentBytes = 0
  /** It gets no more work, and ends when it has none. */
  isRetiring = false

  constructor(options: PipelineOptions, events: WorkerEvents) {
    this.#events = events
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#child = fork(fileURLToPath(new URL(`./worker-process.${extension}`, import.meta.url)), {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: childEnvironment(MEMORY_VARIABLES),
      // The parent's own options may name a program (`-e`, `--input-type`), which every child would run again. Only sources need
      // them, for the loader that reads TypeScript.
      execArgv: extension === 'ts' ? process.execArgv : [],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastOutput = (this.#lastOutput + text).slice(-KEPT_CHARACTERS)
    })
    this.#child.on('message', (message) => this.#receive(message as FromWorker))
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#leave(`could not be started (${error.message})`, resolve))
      this.#child.once('exit', (code, signal) =>
        this.#leave(signal ? `was ended by ${signal}` : `ended with exit code ${code}`, resolve),
      )
    })
    this.#send({ type: 'open', options })
    this.#holdParent(false)
  }

  get processId(): number | undefined {
    return this.#child.pid
  }

  /** How much work it has, begun or not. */
  get load(): number {
    return this.#jobs.length
  }

  /** Takes on work. It is answered through the job. */
  give(job: Job): void {
    try {
      this.#send({ ...job.work, id: job.id })
    } catch (cause) {
      job.reject(
        new DiffgentorError('invalid_request', 'The request must hold plain values only, such as texts and bytes.', { cause }),
      )
      return
    }
    this.#jobs.push(job)
    this.#holdParent(true)
  }

  /** Asks to drop a piece of work; a process that is still at it after a while is killed. Work that is not begun is dropped when its turn comes. */
  cancel(job: Job): void {
    if (!this.#jobs.includes(job)) return
    this.#send({ type: 'cancel', id: job.id })
    if (this.#jobs[0] !== job) return
    setTimeout(() => {
      if (this.#jobs.includes(job)) void this.kill()
    }, CANCEL_GRACE_MS).unref()
  }

  /** Ends the process at once, whatever it does. Resolves when it is gone. */
  kill(): Promise<void> {
    // Whoever waits for the end must live to see it.
    if (!this.#isGone) this.#child.ref()
    this.#child.kill('SIGKILL')
    return this.exited
  }

  /** Answers all its work with an error; the process goes on. */
  abandon(error: DiffgentorError): void {
    for (const job of this.#jobs) job.reject(error)
  }

  #receive(message: FromWorker): void {
    const job = this.#jobs.find(({ id }) => id === message.id)
    if (message.type === 'start') job?.start()
    if (message.type === 'progress') job?.tell(message.event)
    if (job && (message.type === 'done' || message.type === 'error')) this.#finish(job, message)
  }

  #finish(job: Job, message: Extract<FromWorker, { type: 'done' | 'error' }>): void {
    this.#jobs.splice(this.#jobs.indexOf(job), 1)
    this.#hasAnswered = true
    if (message.type === 'done') {
      this.pictures += message.answer.result?.images.length ?? 0
      this.residentBytes = message.answer.residentBytes
      job.resolve(message.answer)
    } else {
      job.reject(unpackError(message.error))
    }
    if (this.#jobs.length === 0) this.#holdParent(false)
    this.#events.onAnswer(this)
  }

  /** The work in hand is lost with the process; what was not begun may go to another one. */
  #leave(how: string, resolve: () => void): void {
    if (this.#isGone) return
    this.#isGone = true
    const jobs = this.#jobs.splice(0)
    const [first] = jobs
    if (first && (first.isStarted || !this.#hasAnswered)) {
      jobs.shift()
      first.reject(crashError(how, this.#lastOutput))
    }
    resolve()
    this.#events.onExit(
      this,
      jobs.filter((job) => !job.isSettled),
    )
  }

  #send(message: ToWorker): void {
    // A closed channel means that the process is ending, which `exit` tells.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  /** An idle process must not keep the program running; it ends by itself when the program does. */
  #holdParent(isHeld: boolean): void {
    const stderr = this.#child.stderr as (NodeJS.ReadableStream & { ref(): void; unref(): void }) | null
    for (const handle of [this.#child, this.#child.channel, stderr]) {
      if (isHeld) handle?.ref()
      else handle?.unref()
    }
  }
}

function crashError(how: string, output: string): DiffgentorError {
  const advice = how.includes('SIGKILL')
    ? 'as the system does when memory runs out: draw smaller pictures or run fewer workers (--num_workers)'
    : 'a fresh one takes the next picture'
  return new DiffgentorError('worker_crashed', `The process that drew this picture ${how}, ${advice}.`, {
    cause: output === '' ? undefined : new Error(output.trim()),
  })
}
