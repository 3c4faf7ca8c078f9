import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { JSON_PROGRAM } from './json-program.ts'

type Reply = { value: unknown; fault?: undefined } | { fault: string }

/** Texts parsed at once; more wait, so that many large ones do not start as many threads. */
const MAX_THREADS = 2
/** Pieces handed over at once: a millisecond's work. */
const HANDED_OVER = 128
/** A thread without work ends after so long, and gives back what memory it holds. */
const IDLE_MS = 5_000

const idle: JsonThread[] = []
const waiting: ((thread: JsonThread) => void)[] = []
let threads = 0

/** Texts from here on, in bytes, take longer on the event loop than to hand over to a thread. */
export const LARGE_JSON = 1_000_000

/**
 * Parses JSON, given as the pieces in which it arrived, in a thread: at hundreds of megabytes a second it would hold up everyone else.
 * Strings from 65,536 characters that are base64, with or without the head of a data URL, arrive decoded as `Uint8Array`. Pieces that
 * fill their memory are moved to the thread and gone here afterwards.
 * @throws {SyntaxError} when it is no JSON, or holds more than a million values.
 * @throws {RangeError} when it needs more memory than a thread has.
 */
export async function parseLargeJson(pieces: readonly Uint8Array[]): Promise<unknown> {
  const thread = await takeThread()
  try {
    return await thread.parse(pieces)
  } finally {
    release(thread)
  }
}

function takeThread(): Promise<JsonThread> | JsonThread {
  const free = idle.pop()
  if (free) return free
  if (threads >= MAX_THREADS) return new Promise((resolve) => waiting.push(resolve))
  threads++
  return new JsonThread()
}

function release(thread: JsonThread): void {
  const next = waiting.shift()
  if (next) next(thread.isGone ? new JsonThread() : thread)
  else if (thread.isGone) threads--
  else rest(thread)
}

function rest(thread: JsonThread): void {
  idle.push(thread)
  thread.rest(() => {
    idle.splice(idle.indexOf(thread), 1)
    threads--
  })
}

/** One thread, which parses one text at a time. It keeps no process alive while it rests. */
class JsonThread {
  readonly #worker = new Worker(JSON_PROGRAM, { eval: true })
  #settle: { resolve: (value: unknown) => void; reject: (error: Error) => void } | undefined
  #timer: NodeJS.Timeout | undefined
  /** It ran out of memory. */
  isGone = false

  constructor() {
    this.#worker.on('message', (reply: Reply) => {
      if (reply.fault === undefined) this.#settle?.resolve(reply.value)
      else this.#settle?.reject(new SyntaxError(reply.fault))
    })
    this.#worker.on('error', (cause) => {
      this.isGone = true
      this.#settle?.reject(new RangeError('It needs more memory than a thread has.', { cause }))
    })
  }

  async parse(pieces: readonly Uint8Array[]): Promise<unknown> {
    clearTimeout(this.#timer)
    this.#worker.ref()
    const parsed = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    const [value] = await Promise.all([parsed, this.#handOver(pieces)])
    return value
  }

  async #handOver(pieces: readonly Uint8Array[]): Promise<void> {
    for (let start = 0; start < pieces.length && !this.isGone; start += HANDED_OVER) {
      if (start > 0) await yieldToOthers()
      const handed = pieces.slice(start, start + HANDED_OVER)
      const isLast = start + HANDED_OVER >= pieces.length
      this.#worker.postMessage(
        { pieces: handed, isLast },
        handed.filter(fillsItsMemory).map(({ buffer }) => buffer as ArrayBuffer),
      )
    }
  }

  /** Waits for more work, and ends when none came for a while. */
  rest(onEnd: () => void): void {
    this.#settle = undefined
    this.#worker.unref()
    this.#timer = setTimeout(() => {
      onEnd()
      void this.#worker.terminate()
    }, IDLE_MS).unref()
  }
}

/** Memory that others have a part of must stay. */
function fillsItsMemory({ buffer, byteLength }: Uint8Array): boolean {
  return buffer.byteLength === byteLength
}
