import type { Progress, RawPicture } from '../../../contract/index.ts'
import type { Ticket } from '../../run-queue.ts'

/** One request of the family at work: as many turns as it has pieces of work, one after the other. */
export class Sitting {
  readonly owner: string
  readonly startedAt = new Date()
  readonly turns: number
  /** The turn at work, from 0. */
  turn = 0
  isInterrupted = false
  isSkipped = false
  /** Where the turn at work stands in the server's queue. */
  ticket: Ticket<unknown> | undefined
  /** The newest rough view of an unfinished picture. */
  preview: RawPicture | undefined
  totalSteps = 0
  /** Passes of one turn: the first over all of its pictures, further ones over one each. */
  readonly #passes: number
  readonly #pictures: number
  #pass = 0
  #steps = new Map<number, number>()
  /** When drawing began, in milliseconds of the process's clock. */
  #workSince: number | undefined
  #ending = new AbortController()

  constructor(owner: string, { turns, pictures, passes }: { turns: number; pictures: number; passes: number }) {
    this.owner = owner
    this.turns = turns
    this.#pictures = pictures
    this.#passes = passes
  }

  /** Begins a turn; the signal fires when it is skipped or interrupted. */
  begin(turn: number): AbortSignal {
    this.turn = turn
    this.#pass = 0
    this.isSkipped = false
    this.ticket = undefined
    this.preview = undefined
    this.#steps = new Map()
    this.#ending = new AbortController()
    return this.#ending.signal
  }

  /** Begins the second pass over a picture. */
  beginPass(ticket: Ticket<unknown>): void {
    this.#pass++
    this.ticket = ticket
    this.#steps = new Map()
  }

  readonly follow = (event: Progress): void => {
    this.#workSince ??= performance.now()
    if (event.phase === 'preview') this.preview = event.picture
    if (event.phase !== 'step-end') return
    this.totalSteps = event.totalSteps
    this.#steps.set(event.image, event.step)
  }

  /** Steps that the picture furthest ahead has behind it. */
  get step(): number {
    return Math.max(0, ...this.#steps.values())
  }

  /** Share of the whole request that is done, 0–1. */
  get share(): number {
    const steps = [...this.#steps.values()].reduce((total, step) => total + step, 0)
    const pictures = this.#pass === 0 ? this.#pictures : 1
    const inPass = this.totalSteps > 0 ? Math.min(1, steps / (this.totalSteps * pictures)) : 0
    return Math.min(1, (this.turn + (this.#pass + inPass) / this.#passes) / this.turns)
  }

  /** Seconds until all of it is done: from its own pace once there is one, before that from the queue's measured rates. */
  get secondsLeft(): number {
    const { share } = this
    if (this.#workSince === undefined || share === 0) return this.ticket?.etaSeconds ?? 0
    return ((performance.now() - this.#workSince) / 1000) * ((1 - share) / share)
  }

  skip(): void {
    this.isSkipped = true
    this.#ending.abort()
  }

  interrupt(): void {
    this.isInterrupted = true
    this.#ending.abort()
  }
}

/** The requests of the family at work, oldest first. Callers see and stop those of their own key only. */
export class Desk {
  readonly #sittings = new Set<Sitting>()

  /** Keeps a sitting in view while its work goes on. */
  async attend<T>(sitting: Sitting, work: () => Promise<T>): Promise<T> {
    this.#sittings.add(sitting)
    try {
      return await work()
    } finally {
      this.#sittings.delete(sitting)
    }
  }

  /** The one that is being drawn, or else the one that waits longest. */
  current(owner: string): Sitting | undefined {
    const own = [...this.#sittings].filter((sitting) => sitting.owner === owner)
    return own.find((sitting) => sitting.ticket?.state === 'running') ?? own[0]
  }
}
