import type { OnPullEvent } from '../models/hub/pull-event.ts'

/** What may happen while a backend is opened, beside reading what is here. */
export interface OpenContext {
  /** Permits to download a model of the hub that is not here, and is told how it goes. Absent: such a model is an error. */
  onPull?: OnPullEvent | undefined
  /** Ends a download. */
  signal?: AbortSignal | undefined
}
