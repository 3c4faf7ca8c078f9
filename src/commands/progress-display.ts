import cliProgress from 'cli-progress'
import type { BatchCounts, BatchEvent } from '../batch/batch-events.ts'
import { formatDuration, type Terminal } from './terminal.ts'

/** Rates are taken over this much of the recent past. */
const WINDOW_MS = 60_000

export interface DisplayOptions {
  terminal: Terminal
  /** Neither bar nor lines; warnings still show. */
  hideProgress: boolean
  /** Only errors. */
  quiet: boolean
  /** Every failure and retry too. */
  verbose: boolean
  /** Pause between lines where there is no terminal. */
  lineIntervalMs: number
  now?: () => number
}

/** Shows a run on stderr: a bar on a terminal, a line now and then elsewhere. */
export interface ProgressDisplay extends Disposable {
  show(event: BatchEvent): void
  /** Writes a sentence without spoiling the bar. */
  tell(sentence: string): void
}

/** Makes the display that fits the terminal. */
export function createProgressDisplay(options: DisplayOptions): ProgressDisplay {
  const { terminal, quiet, verbose, now = Date.now } = options
  const rate = new RateMeter(now)
  const meter = options.hideProgress || quiet ? undefined : terminal.stderr.isTTY ? new Bar(terminal) : new Lines(options)
  const tell = (sentence: string) => {
    if (meter) meter.log(`${sentence}\n`)
    else terminal.stderr.write(`${sentence}\n`)
  }
  return {
    tell,
    show: (event) => {
      switch (event.type) {
        case 'run-start':
          rate.start(event.counts)
          meter?.start(event.counts)
          break
        case 'row-progress':
          if (event.progress.phase === 'step-end') meter?.step(`step ${event.progress.step}/${event.progress.totalSteps}`)
          if (event.progress.phase === 'load') meter?.step(`loading ${event.progress.component}`)
          break
        case 'row-retry':
          if (verbose) tell(`Row ${event.index} is tried again in ${formatDuration(event.waitMs)}: ${event.error.message}`)
          break
        case 'row-end':
          meter?.update(event.counts, rate.measure(event.counts))
          if (event.entry.error && !quiet && (verbose || event.counts.failed + event.counts.unknown <= 3)) {
            tell(`Row ${event.entry.index} ${event.entry.status}: ${event.entry.error.message}`)
          }
          break
        case 'warning':
        case 'notice':
          if (!quiet) tell(event.type === 'warning' ? `Warning: ${event.message}` : event.message)
          break
        case 'run-end':
          meter?.stop()
      }
    },
    [Symbol.dispose]: () => meter?.stop(),
  }
}

interface Rate {
  imagesPerSecond: number
  /** Milliseconds to the end; undefined while unknown. */
  remainingMs: number | undefined
}

/** Measures how fast pictures come, over the recent past. */
class RateMeter {
  readonly #now: () => number
  #samples: { at: number; images: number; rows: number }[] = []

  constructor(now: () => number) {
    this.#now = now
  }

  start(counts: Readonly<BatchCounts>): void {
    this.#samples = [{ at: this.#now(), images: counts.images, rows: countFinished(counts) }]
  }

  measure(counts: Readonly<BatchCounts>): Rate {
    const at = this.#now()
    const newest = this.#samples.at(-1)
    // A sample a second is enough, and keeps the window small at thousands of rows a second.
    if (!newest || at - newest.at >= 1000) this.#samples.push({ at, images: counts.images, rows: countFinished(counts) })
    while (this.#samples.length > 2 && at - this.#samples[1]!.at > WINDOW_MS) this.#samples.shift()
    const oldest = this.#samples[0]!
    const seconds = Math.max(0.001, (at - oldest.at) / 1000)
    const rowsPerSecond = (countFinished(counts) - oldest.rows) / seconds
    const remaining = counts.total - countFinished(counts)
    return {
      imagesPerSecond: (counts.images - oldest.images) / seconds,
      remainingMs: rowsPerSecond > 0 ? (remaining / rowsPerSecond) * 1000 : undefined,
    }
  }
}

/** Rows that need no more work. */
function countFinished({ done, skipped, failed, unknown }: Readonly<BatchCounts>): number {
  return done + skipped + failed + unknown
}

function describeRate({ imagesPerSecond, remainingMs }: Rate): { speed: string; eta: string } {
  const speed =
    imagesPerSecond >= 0.1 || imagesPerSecond === 0
      ? `${imagesPerSecond.toFixed(1)} images/s`
      : `${(imagesPerSecond * 60).toFixed(1)} images/min`
  return { speed, eta: remainingMs === undefined ? '–' : formatDuration(remainingMs) }
}

interface Meter {
  start(counts: Readonly<BatchCounts>): void
  update(counts: Readonly<BatchCounts>, rate: Rate): void
  step(text: string): void
  log(text: string): void
  stop(): void
}

/** A bar that redraws itself. */
class Bar implements Meter {
  readonly #bars: cliProgress.MultiBar
  readonly #terminal: Terminal
  #bar: cliProgress.SingleBar | undefined

  constructor(terminal: Terminal) {
    this.#terminal = terminal
    this.#bars = new cliProgress.MultiBar(
      {
        format: ' {bar} {value}/{total} rows | {speed} | ETA {left} | failed {failed} | {step}',
        stream: terminal.stderr as NodeJS.WritableStream,
        hideCursor: true,
        clearOnComplete: false,
        stopOnComplete: false,
        fps: 8,
        barsize: 24,
        // Signals are ours: the bar must not end the process.
        gracefulExit: false,
      },
      cliProgress.Presets.shades_classic,
    )
  }

  start(counts: Readonly<BatchCounts>): void {
    const payload = { speed: '– images/s', left: '–', failed: counts.failed, step: '' }
    this.#bar = this.#bars.create(counts.total, countFinished(counts), payload)
  }

  update(counts: Readonly<BatchCounts>, rate: Rate): void {
    const { speed, eta } = describeRate(rate)
    this.#bar?.setTotal(counts.total)
    this.#bar?.update(countFinished(counts), { speed, left: eta, failed: counts.failed })
  }

  step(text: string): void {
    this.#bar?.update({ step: text })
  }

  log(text: string): void {
    if (!this.#bar) {
      this.#terminal.stderr.write(text)
      return
    }
    this.#bars.log(text)
    // Now, since what waits for the next redraw is lost when the bar stops before it.
    this.#bars.update()
  }

  stop(): void {
    this.#bars.stop()
  }
}

/** A line every few seconds, for logs and pipes. */
class Lines implements Meter {
  readonly #terminal: Terminal
  readonly #intervalMs: number
  readonly #now: () => number
  #lastAt = 0

  constructor({ terminal, lineIntervalMs, now = Date.now }: DisplayOptions) {
    this.#terminal = terminal
    this.#intervalMs = lineIntervalMs
    this.#now = now
  }

  start(counts: Readonly<BatchCounts>): void {
    this.#lastAt = this.#now()
    const resumed = counts.skipped > 0 ? `, ${counts.skipped} done before` : ''
    this.log(`${counts.total} ${counts.total === 1 ? 'row' : 'rows'}${resumed}\n`)
  }

  update(counts: Readonly<BatchCounts>, rate: Rate): void {
    if (this.#now() - this.#lastAt < this.#intervalMs) return
    this.#lastAt = this.#now()
    const { speed, eta } = describeRate(rate)
    this.log(`${countFinished(counts)}/${counts.total} rows, ${speed}, ETA ${eta}, failed ${counts.failed}\n`)
  }

  step(): void {}

  log(text: string): void {
    this.#terminal.stderr.write(text)
  }

  stop(): void {}
}
