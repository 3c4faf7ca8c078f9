import type { BatchSettings } from '../config/settings.ts'
import type { ImageBackend, ImageRequest, Usage } from '../contract/index.ts'
import type { Dataset } from '../datasets/dataset.ts'
import type { DiffgentorError } from '../errors.ts'
import type { BatchEvent } from './batch-events.ts'
import type { Clock } from './clock.ts'

/** Leave to send one request. */
export interface Reservation {
  /** Told once, when the request has ended. Returns what it cost in US dollars, when that is known. */
  settle(outcome: { usage?: Usage | undefined; error?: DiffgentorError | undefined }): number | undefined
}

/** Asked before every request leaves: where a budget and a rate limit plug in. */
export interface RequestGate {
  /** Told once, at the start: US dollars that earlier runs on the folder spent. */
  begin?(spentUsd: number): void
  /** Waits until the request may leave, or throws `budget_exhausted`. */
  reserve(request: ImageRequest, signal: AbortSignal): Promise<Reservation> | Reservation
}

/** Rewrites a prompt before it is sent. Throws when it cannot; the original is then used and the row says so. */
export type EnhancePrompt = (request: ImageRequest, signal: AbortSignal) => Promise<string>

/** What a batch is started with. */
export interface BatchOptions {
  dataset: Dataset
  backend: ImageBackend
  settings: BatchSettings
  kind: 't2i' | 'edit'
  /** Program version, for recipes and `run.json`. */
  version: string
  /** Ends the run gently: no new rows; rows in flight finish, or are dropped after 30 s. */
  drain?: AbortSignal | undefined
  /** Ends the run now: rows in flight are dropped. What is recorded stays. */
  signal?: AbortSignal | undefined
  onEvent?: ((event: BatchEvent) => void) | undefined
  gate?: RequestGate | undefined
  enhancePrompt?: EnhancePrompt | undefined
  /** Default: the machine's. */
  clock?: Clock | undefined
  /** Numbers in [0, 1), for jitter and a seed that is not given. Default: `Math.random`. */
  random?: (() => number) | undefined
}
