import type { Ticket } from '../../run-queue.ts'

/** A picture that somebody ordered and will come back for. */
export interface Task {
  readonly id: string
  /** The caller's key; empty while no key is set. */
  readonly owner: string
  readonly facts: TaskFacts
  /** Memory that its source takes until it is finished. */
  readonly sourceBytes: number
  /** Unix seconds with fractions: when it was ordered, when its drawing began and when it ended. */
  readonly startTime: number
  computeTime: number | undefined
  endTime: number | undefined
  state: 'unfinished' | 'done' | 'failed'
  /** Why it failed. */
  message: string | undefined
  /** Sentences about what could not be honored, once it is finished. */
  warnings: readonly string[]
  /** Where the finished picture is kept. */
  storedAs: string | undefined
  /** Its place in the queue, until it is finished: a finished ticket holds the pixels that were drawn. */
  ticket: Ticket<unknown> | undefined
  readonly controller: AbortController
}

/** What was ordered, as it is told again. */
export interface TaskFacts {
  prompt: string
  seed: string
  height: number
  width: number
  steps: number
  guidance: number
  format: 'PNG' | 'JPEG'
  quality: number
  priority: boolean
}

/** A task that was just ordered. */
export function newTask(
  known: Pick<Task, 'id' | 'owner' | 'facts' | 'sourceBytes' | 'ticket' | 'controller' | 'computeTime'>,
): Task {
  const startTime = unixSeconds()
  return { ...known, startTime, endTime: undefined, state: 'unfinished', message: undefined, warnings: [], storedAs: undefined }
}

/** The entry of the list of tasks. */
export function describeTask({ id, facts, startTime, computeTime, endTime }: Task): object {
  return {
    task_id: id,
    ...facts,
    start_time: startTime,
    ...(computeTime !== undefined && { compute_time: computeTime }),
    ...(endTime !== undefined && { end_time: endTime }),
  }
}

export function pixelsOf({ facts }: Task): number {
  return facts.width * facts.height
}

export function unixSeconds(): number {
  return Date.now() / 1000
}
