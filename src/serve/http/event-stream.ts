import { setTimeout as wait } from 'node:timers/promises'
import { jsonPieces } from './json-answer.ts'

/** One server-sent event. `data` may hold `Base64Bytes`; a text goes out as it is. */
export interface ServerEvent {
  event?: string | undefined
  data: unknown
}

/** Pause after which a comment tells proxies that the line is alive; many cut it after 15 seconds or more. */
const KEEP_ALIVE_MS = 10_000

/** Events as a `text/event-stream` answer. The source is closed when the caller leaves. */
export function eventStreamAnswer(events: AsyncIterable<ServerEvent>, headers: Record<string, string> = {}): Response {
  return new Response(ReadableStream.from(encodeEvents(events)), {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      ...headers,
    },
  })
}

async function* encodeEvents(events: AsyncIterable<ServerEvent>): AsyncGenerator<Uint8Array> {
  const source = events[Symbol.asyncIterator]()
  try {
    let next = source.next()
    yield Buffer.from(': open\n\n')
    while (true) {
      const ready = await raceQuiet(next)
      if (ready === undefined) {
        yield Buffer.from(': keepalive\n\n')
        continue
      }
      if (ready.done) return
      yield* encodeEvent(ready.value)
      next = source.next()
    }
  } finally {
    await source.return?.()
  }
}

/** The next event, or undefined after a quiet time. */
async function raceQuiet<T>(next: Promise<T>): Promise<T | undefined> {
  const quiet = new AbortController()
  const timer = wait(KEEP_ALIVE_MS, undefined, { signal: quiet.signal, ref: false }).catch(() => undefined)
  try {
    return await Promise.race([next, timer])
  } finally {
    quiet.abort()
  }
}

async function* encodeEvent({ event, data }: ServerEvent): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${event === undefined ? '' : `event: ${event}\n`}data: `)
  if (typeof data === 'string') yield Buffer.from(data)
  else yield* jsonPieces(data)
  yield Buffer.from('\n\n')
}
