import type { EditSource, EncodedPicture } from '../contract/index.ts'
import type { RowPlan } from './plan-row.ts'

/** The pictures that a row starts from. */
export interface RowSources {
  edit?: EditSource | undefined
  /** Condition pictures, one for each ControlNet. */
  controlImages: readonly EncodedPicture[]
  /** Pictures for an IP-Adapter. */
  ipAdapterImages: readonly EncodedPicture[]
  /** SHA-256 of each source's file, in order, and of the mask's. */
  sourceHashes?: readonly string[] | undefined
  maskHash?: string | undefined
  /** Sentences about what was changed on the way. */
  warnings: readonly string[]
}

/** Loads a row's pictures. Rejects with an error that belongs to the row. */
export type SourceLoader = (plan: RowPlan, signal: AbortSignal) => Promise<RowSources>
