import type { Logger } from 'pino'
import type { ServeSettings } from '../config/settings.ts'
import type { Fetcher } from '../fetching/fetcher.ts'
import type { Closing } from './closing.ts'
import type { EmbeddingShelf } from './embedding-shelf.ts'
import type { BodyLimits } from './http/request-body.ts'
import type { ImageStore } from './image-store.ts'
import type { ServerMetrics } from './metrics.ts'
import type { ModelPool } from './model-pool.ts'
import type { RunQueue } from './run-queue.ts'
import type { StandingLoras } from './standing-loras.ts'

/** What every family of routes works with: one of each for the whole server. */
export interface Services {
  readonly settings: ServeSettings
  readonly models: ModelPool
  readonly queue: RunQueue
  readonly loras: StandingLoras
  readonly embeddings: EmbeddingShelf
  /** Absent: `url` answers are refused. */
  readonly store: ImageStore | undefined
  readonly fetcher: Fetcher
  readonly metrics: ServerMetrics
  readonly log: Logger
  /** Takes the fields of every request, for debugging. */
  readonly fieldLog: Logger | undefined
  readonly limits: BodyLimits
  readonly closing: Closing
  /** Unix seconds. */
  readonly startedAt: number
}
