import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import type { BackendRegistry } from '../backends/registry.ts'
import type { ServeSettings } from '../config/settings.ts'
import { announceSafetyChecker } from '../config/value-forms.ts'
import { type RunningServer, startServer } from './server.ts'

/** Where the command writes. */
export interface ServeIo {
  /** The address, once the server listens. */
  stdout: { write(text: string): unknown }
  /** Notices and the access log. */
  stderr: { write(text: string): unknown }
}

/** Requests in work at the end may take this long. Milliseconds. */
const DRAIN_TIME = 30_000

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const
type EndingSignal = keyof typeof EXIT_CODES

/**
 * Serves until SIGINT or SIGTERM and resolves to the exit code. The first signal lets accepted requests finish, for 30 s at
 * most; the second one stops at once. Throws when the port is taken or a model cannot be opened.
 */
export async function runServe(settings: ServeSettings, registry: BackendRegistry, io: ServeIo): Promise<number> {
  const log = await openLog(settings, io)
  const server = await startServer({ settings, registry, log })
  if (!settings.quiet) announce(settings, server, io)
  const ending = new EndingSignals()
  try {
    const first = await Promise.race([ending.next(), server.ready.then(() => ending.next())])
    log.info({ signal: first }, 'draining')
    await Promise.race([server.drain(), ending.next(), ending.timeout(DRAIN_TIME)])
    return EXIT_CODES[first]
  } finally {
    ending.close()
    await server.stop()
  }
}

function announce(settings: ServeSettings, server: RunningServer, io: ServeIo): void {
  io.stdout.write(`Listening on ${server.url} (documentation: ${server.url}/docs)\n`)
  const watched = announceSafetyChecker(settings.safetyChecker)
  if (watched !== undefined) io.stderr.write(`diffgentor: ${watched}\n`)
  const hasKeys = [settings.apiKey, settings.adminApiKey].some((keys) => keys?.length)
  if (settings.host !== undefined && !/^(127\.|localhost$|::1$)/.test(settings.host) && !hasKeys) {
    io.stderr.write(
      `diffgentor: the server listens on ${settings.host} without a key, so everybody who reaches it may draw; set --api_key.\n`,
    )
  }
}

/** JSON lines: into the log folder when one is named, else to stderr. */
async function openLog(settings: ServeSettings, io: ServeIo): Promise<Logger> {
  const level = settings.quiet ? 'error' : settings.logLevel
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (settings.logDir === undefined) return pino(options, { write: (line: string) => void io.stderr.write(line) })
  await mkdir(settings.logDir, { recursive: true })
  return pino(options, pino.destination({ dest: join(settings.logDir, 'serve.jsonl'), sync: false }))
}

/** The signals that end a server, one after the other. */
class EndingSignals {
  readonly #received: EndingSignal[] = []
  readonly #waiting: ((signal: EndingSignal) => void)[] = []
  readonly #listener = (signal: NodeJS.Signals) => {
    const waiting = this.#waiting.splice(0)
    if (waiting.length === 0) this.#received.push(signal as EndingSignal)
    for (const resolve of waiting) resolve(signal as EndingSignal)
  }
  #timer: NodeJS.Timeout | undefined

  constructor() {
    for (const signal of Object.keys(EXIT_CODES)) process.on(signal, this.#listener)
  }

  async next(): Promise<EndingSignal> {
    const received = this.#received.shift()
    return received ?? (await new Promise<EndingSignal>((resolve) => this.#waiting.push(resolve)))
  }

  async timeout(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#timer = setTimeout(resolve, ms)
    })
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const signal of Object.keys(EXIT_CODES)) process.off(signal, this.#listener)
  }
}
