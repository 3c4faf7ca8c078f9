import cliProgress from 'cli-progress'
import type { OnPullEvent, PullEvent } from '../models/hub/pull-event.ts'
import { formatBytes, formatDuration, type Terminal } from './terminal.ts'

export interface PullDisplayOptions {
  terminal: Terminal
  /** Neither bar nor lines; what is downloaded is still told. */
  hideProgress: boolean
  /** Nothing at all. */
  quiet: boolean
  /** Pause between lines where there is no terminal. */
  lineIntervalMs: number
  now?: () => number
}

/** Shows downloads on stderr: what is wanted before they start, then a bar, or a line now and then where there is no terminal. */
export interface PullDisplay extends Disposable {
  onEvent: OnPullEvent
}

/** Makes the display that fits the terminal. */
export function createPullDisplay(options: PullDisplayOptions): PullDisplay {
  const { terminal, hideProgress, quiet, now = Date.now } = options
  if (quiet) return { onEvent: () => undefined, [Symbol.dispose]: () => undefined }
  const tell = (sentence: string) => void terminal.stderr.write(`${sentence}\n`)
  const meter = hideProgress ? undefined : terminal.stderr.isTTY ? new Bar(terminal, now) : new Lines(options, tell)
  return {
    onEvent: (event) => {
      if (event.phase === 'plan') {
        if (event.missingBytes > 0) tell(describePlan(event))
        meter?.start(event)
      } else if (event.phase === 'bytes') meter?.update(event.bytes, event.totalBytes)
      else tell(`Another process downloads ${event.path}; waiting for it.`)
    },
    [Symbol.dispose]: () => meter?.stop(),
  }
}

type Plan = Extract<PullEvent, { phase: 'plan' }>

function describePlan({ name, files, totalBytes, missingBytes, cache }: Plan): string {
  const rest = missingBytes < totalBytes ? `, ${formatBytes(missingBytes)} of it missing` : ''
  const count = files.length === 1 ? '1 file' : `${files.length} files`
  return `Downloading ${name}: ${count}, ${formatBytes(totalBytes)}${rest}, into ${cache}`
}

interface Meter {
  start(plan: Plan): void
  update(bytes: number, totalBytes: number): void
  stop(): void
}

class Bar implements Meter {
  readonly #terminal: Terminal
  readonly #now: () => number
  #bar: cliProgress.SingleBar | undefined
  #startedAt = 0
  #had = 0

  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal
    this.#now = now
  }

  start({ totalBytes, missingBytes }: Plan): void {
    this.stop()
    if (missingBytes === 0) return
    this.#bar = new cliProgress.SingleBar(
      {
        format: ' {bar} {percentage}% | {whole} | {speed}',
        stream: this.#terminal.stderr as NodeJS.WritableStream,
        fps: 8,
        barsize: 24,
        // Signals are ours: the bar must not end the process.
        gracefulExit: false,
      },
      cliProgress.Presets.shades_classic,
    )
    this.#startedAt = this.#now()
    this.#had = totalBytes - missingBytes
    this.#bar.start(totalBytes, this.#had, { whole: formatBytes(totalBytes), speed: '–' })
  }

  update(bytes: number): void {
    const seconds = Math.max(0.001, (this.#now() - this.#startedAt) / 1000)
    const speed = `${formatBytes(Math.max(0, (bytes - this.#had) / seconds))}/s`
    this.#bar?.update(bytes, { speed })
  }

  stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

/** A line every few seconds, for logs and pipes. */
class Lines implements Meter {
  readonly #intervalMs: number
  readonly #now: () => number
  readonly #tell: (sentence: string) => void
  #startedAt = 0
  #lastAt = 0
  #had = 0

  constructor({ lineIntervalMs, now = Date.now }: PullDisplayOptions, tell: (sentence: string) => void) {
    this.#intervalMs = lineIntervalMs
    this.#now = now
    this.#tell = tell
  }

  start({ totalBytes, missingBytes }: Plan): void {
    this.#startedAt = this.#now()
    this.#lastAt = this.#startedAt
    this.#had = totalBytes - missingBytes
  }

  update(bytes: number, totalBytes: number): void {
    const at = this.#now()
    if (at - this.#lastAt < this.#intervalMs) return
    this.#lastAt = at
    const rate = (bytes - this.#had) / (at - this.#startedAt)
    const left = rate > 0 ? `, ${formatDuration((totalBytes - bytes) / rate)} left` : ''
    this.#tell(`${formatBytes(bytes)} of ${formatBytes(totalBytes)}${left}`)
  }

  stop(): void {}
}
