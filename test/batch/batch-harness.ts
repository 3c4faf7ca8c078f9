import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { onTestFinished } from 'vitest'
import { FakeBackend } from '../../src/backends/fake/fake-backend.ts'
import type { BatchEvent } from '../../src/batch/batch-events.ts'
import type { BatchOptions } from '../../src/batch/batch-options.ts'
import type { BatchSummary } from '../../src/batch/batch-summary.ts'
import type { Clock } from '../../src/batch/clock.ts'
import { runBatch } from '../../src/batch/run-batch.ts'
import { BATCH_SETTINGS, type BatchSettings, withDefaults } from '../../src/config/settings.ts'
import type { CallContext, ImageBackend, ImageRequest, ImageResult } from '../../src/contract/index.ts'
import { openDataset } from '../../src/datasets/open-dataset.ts'

/** A folder that goes with the test. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-batch-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Waits in no time and tells how long it should have taken. */
export class InstantClock implements Clock {
  readonly waits: number[] = []
  #now = Date.UTC(2026, 0, 1)

  now(): number {
    return this.#now
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.waits.push(ms)
    this.#now += ms
  }
}

/** The fake backend, watched and with other abilities. */
export class WatchedBackend implements ImageBackend {
  readonly name = 'fake'
  readonly modelId: string
  readonly capabilities: ImageBackend['capabilities']
  readonly defaults = { numInferenceSteps: 4, guidanceScale: 1 }
  readonly requests: ImageRequest[] = []
  restarts = 0
  inFlight = 0
  mostInFlight = 0
  readonly #fake: FakeBackend
  readonly #before: ((request: ImageRequest, context: CallContext) => Promise<void> | void) | undefined

  constructor({ before, modelId = 'fake', ...abilities }: WatchedOptions = {}) {
    this.#fake = new FakeBackend(modelId)
    this.modelId = modelId
    this.capabilities = { ...this.#fake.capabilities, ...abilities }
    this.#before = before
  }

  async run(request: ImageRequest, context: CallContext): Promise<ImageResult> {
    this.requests.push(request)
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight)
    try {
      await this.#before?.(request, context)
      return await this.#fake.run(request, context)
    } finally {
      this.inFlight--
    }
  }

  async restart(): Promise<void> {
    this.restarts++
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export type WatchedOptions = Partial<ImageBackend['capabilities']> & {
  /** Runs before the fake backend does. */
  before?: (request: ImageRequest, context: CallContext) => Promise<void> | void
  modelId?: string
}

export type Rows = readonly (string | Readonly<Record<string, unknown>>)[]

export interface BatchTry extends Partial<Omit<BatchOptions, 'settings' | 'dataset'>> {
  rows: Rows
  folder: string
  settings?: Partial<BatchSettings>
}

export interface TriedBatch {
  summary: BatchSummary
  events: BatchEvent[]
  clock: Clock
}

/** Runs a batch over rows given as values, on the fake backend and in no time unless told otherwise. */
export async function tryBatch({ rows, folder, settings = {}, ...options }: BatchTry): Promise<TriedBatch> {
  const kind = options.kind ?? 't2i'
  const file = join(makeFolder(), 'rows.jsonl')
  writeFileSync(
    file,
    rows.map((row) => `${typeof row === 'string' && row.startsWith('RAW ') ? row.slice(4) : JSON.stringify(row)}\n`).join(''),
  )
  await using dataset = await openDataset({ source: file, kind })
  const events: BatchEvent[] = []
  const clock = options.clock ?? new InstantClock()
  const summary = await runBatch({
    backend: new FakeBackend('fake'),
    kind,
    version: '1.2.3',
    clock,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
    ...options,
    dataset,
    settings: withDefaults(BATCH_SETTINGS, { backend: 'fake', outputDir: folder, seed: 1, ...settings }) as BatchSettings,
  })
  return { summary, events, clock }
}

export interface LedgerLine {
  index: number
  position?: number
  status: string
  attempt: number
  outputs: { file: string; bytes: number; sha256: string; seed?: number }[]
  ms: number
  error?: { code: string; message: string; retryable: boolean }
  cost_usd?: number
}

/** The lines of a folder's ledger. */
export function readLedger(folder: string, name = 'ledger.jsonl'): LedgerLine[] {
  const path = join(folder, name)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LedgerLine)
}

/** What the ledger says of each row in the end, by index. */
export function lastStatuses(folder: string): Record<number, string> {
  return Object.fromEntries(readLedger(folder).map(({ index, status }) => [index, status]))
}

const OWN_FILES = /^(?:ledger|run|results)\b|^(?:logs|shards)\b|^contact-sheet/

/** Every picture of a folder with its hash; anything else than pictures and the run's own files shows too. */
export function listPictures(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => relative(folder, join(folder, name)).replaceAll('\\', '/'))
    .filter((name) => !OWN_FILES.test(name) && statSync(join(folder, name)).isFile())
    .sort()
  return Object.fromEntries(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  )
}

/** The sentences of one kind that a run told. */
export function sentencesOf(events: readonly BatchEvent[], type: 'warning' | 'notice'): string[] {
  return events.flatMap((event) => (event.type === type ? [event.message] : []))
}
