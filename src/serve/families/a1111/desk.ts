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
  readonly #pictures: number
  #steps = new Map<number, number>()
  #ending = new AbortController()

  constructor(owner: string, turns: number, pictures: number) {
    this.owner = owner
    this.turns = turns
    this.#pictures = pictures
  }

  /** Begins a turn; the signal fires when it is skipped or interrupted. */
  begin(turn: number): AbortSignal {
    this.turn = turn
    this.isSkipped = false
    this.ticket = undefined
    this.preview = undefined
    this.#steps = new Map()
    this.#ending = new AbortController()
    return this.#ending.signal
  }

  readonly follow = (event: Progress): void => {
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
    const inTurn = this.totalSteps > 0 ? steps / (this.totalSteps * this.#pictures) : 0
    return Math.min(1, (this.turn + Math.min(1, inTurn)) / this.turns)
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
