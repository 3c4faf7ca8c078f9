import { randomBytes } from 'node:crypto'
import { DiffgentorError, toDiffgentorError } from '../../../errors.ts'
import { OUTPUT_FORMATS } from '../../../images/encode-picture.ts'
import { type Drawing, type DrawOrder, startDrawing } from '../../drawing.ts'
import type { StoredPicture } from '../../image-store.ts'
import { warningTexts } from '../../requests/drawing-headers.ts'
import type { Ticket } from '../../run-queue.ts'
import type { Services } from '../../services.ts'
import { DrawingRate } from './drawing-rate.ts'
import { newTask, pixelsOf, type Task, type TaskFacts, unixSeconds } from './task.ts'

/** Tasks of one caller kept at most, those included that nobody came back for. */
const MAX_TASKS = 10_000
/** Bytes of source pictures that wait. */
const MAX_SOURCE_BYTES = 1e9

/** A new task as its caller is told of it. */
export interface AddedTask {
  task: Task
  /** Tasks of the list before this one. */
  place: number
  expectedSeconds: number
}

/** The tasks of the family, in the order of its list. They wait in the server's queue and their pictures in its store. */
export class TaskBoard {
  readonly #services: Services
  readonly #rate = new DrawingRate()
  readonly #pixels = new WeakMap<Ticket<unknown>, number>()
  #tasks: Task[] = []
  #urgent = 0

  constructor(services: Services) {
    this.#services = services
    // Nobody can come back for them.
    services.closing.add(async () => this.#drop(this.#tasks))
  }

  /** Takes an order. Throws `queue_full` when too many tasks are kept, and `unsupported` where no picture can be. */
  add(owner: string, order: DrawOrder, facts: TaskFacts): AddedTask {
    const { store } = this.#services
    if (!store) {
      throw new DiffgentorError('unsupported', 'This server keeps no pictures (--no_image_store), so none can be fetched later.')
    }
    this.#forgetExpired()
    this.#checkRoom(owner, order)
    const controller = new AbortController()
    let task: Task | undefined
    let computeTime: number | undefined
    const begin = () => {
      computeTime ??= unixSeconds()
      if (task) task.computeTime ??= computeTime
    }
    // The newest urgent task goes before older ones, as in the origin's list.
    const priority = facts.priority ? ++this.#urgent : undefined
    const context = { signal: controller.signal, onProgress: begin }
    const { ticket, drawing } = startDrawing(this.#services, { ...order, priority, skipsLimit: true }, context)
    task = newTask({ id: this.#newId(), owner, facts, sourceBytes: bytesOf(order), ticket, controller, computeTime })
    this.#pixels.set(ticket, pixelsOf(task))
    const place = facts.priority && this.#tasks.length >= 2 ? 1 : this.#tasks.length
    this.#tasks.splice(place, 0, task)
    void this.#finish(task, drawing)
    return { task, place, expectedSeconds: this.#rate.estimate(this.#pixelsUpTo(task)) }
  }

  /** A caller's task; undefined when there is none, or its picture's time is over. */
  find(id: string, owner: string): Task | undefined {
    this.#forgetExpired()
    return this.#tasks.find((task) => task.id === id && task.owner === owner)
  }

  list(owner: string): Task[] {
    this.#forgetExpired()
    return this.#tasks.filter((task) => task.owner === owner)
  }

  /** The picture of a finished task; undefined while there is none. */
  async read({ storedAs }: Task): Promise<StoredPicture | undefined> {
    return storedAs === undefined ? undefined : await this.#services.store?.read(storedAs, 0)
  }

  /** Stops a task and forgets it with its picture. */
  remove(task: Task): void {
    this.#drop([task])
  }

  clear(owner: string): void {
    this.#drop(this.list(owner))
  }

  /** Seconds until a task is finished, at least 1. */
  remainingSeconds(task: Task): number {
    const passed = unixSeconds() - (task.computeTime ?? task.startTime)
    return Math.max(1, Math.trunc(this.#rate.estimate(this.#pixelsUpTo(task)) - passed))
  }

  #newId(): string {
    const id = randomBytes(4).toString('hex')
    return this.#tasks.some((task) => task.id === id) ? this.#newId() : id
  }

  #checkRoom(owner: string, order: DrawOrder): void {
    const retry = { retryAfterMs: 60_000 }
    if (this.list(owner).length >= MAX_TASKS) {
      throw new DiffgentorError('queue_full', `${MAX_TASKS} tasks are kept already; fetch or cancel some.`, retry)
    }
    const waiting = this.#tasks.filter(({ state }) => state === 'unfinished')
    const bytes = waiting.reduce((total, task) => total + task.sourceBytes, bytesOf(order))
    if (bytes > MAX_SOURCE_BYTES) {
      throw new DiffgentorError('queue_full', 'The source pictures that wait take too much memory; send this one later.', retry)
    }
  }

  /** Pixels of the unfinished work up to and including a task; that of other families is converted by its number of steps. */
  #pixelsUpTo(task: Task): number {
    const ahead = (task.ticket?.ahead ?? []).map((ticket) => this.#pixels.get(ticket) ?? ticket.cost / task.facts.steps)
    return ahead.reduce((total, pixels) => total + pixels, pixelsOf(task))
  }

  async #finish(task: Task, drawing: Promise<Drawing>): Promise<void> {
    try {
      const { images, format, warnings } = await drawing.finally(() => {
        task.ticket = undefined
      })
      const bytes = images.map((image) => image.bytes)
      task.warnings = warningTexts({ warnings })
      task.storedAs = await this.#services.store?.add(bytes, OUTPUT_FORMATS[format].mime)
      task.endTime = unixSeconds()
      this.#rate.learn(pixelsOf(task), task.endTime - (task.computeTime ?? task.startTime))
      task.state = 'done'
      if (!this.#tasks.includes(task)) await this.#forgetPicture(task)
    } catch (thrown) {
      task.state = 'failed'
      task.endTime = unixSeconds()
      const error = toDiffgentorError(thrown)
      task.message = error.message
      if (task.controller.signal.aborted) return
      this.#services.metrics.countFailure(error.code)
      if (error.traits.httpStatus >= 500) this.#services.log.error({ err: thrown, task: task.id }, error.message)
    }
  }

  #drop(tasks: readonly Task[]): void {
    const dropped = new Set(tasks)
    this.#tasks = this.#tasks.filter((task) => !dropped.has(task))
    for (const task of dropped) {
      task.controller.abort(new DiffgentorError('cancelled', 'The task was cancelled.'))
      void this.#forgetPicture(task)
    }
  }

  async #forgetPicture({ storedAs }: Task): Promise<void> {
    if (storedAs !== undefined) await this.#services.store?.remove(storedAs)
  }

  #forgetExpired(): void {
    const { store } = this.#services
    this.#tasks = this.#tasks.filter(({ storedAs }) => storedAs === undefined || store?.count(storedAs) !== undefined)
  }
}

function bytesOf({ request: { edit } }: DrawOrder): number {
  return (edit?.images ?? []).reduce((total, image) => total + image.byteLength, 0)
}
