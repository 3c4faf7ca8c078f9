import type { HubFile } from './hub-file.ts'

/** What a download tells. */
export type PullEvent =
  /** Before the first large file: what is wanted, and how much of it is not here yet. Bytes. */
  | { phase: 'plan'; name: string; files: readonly HubFile[]; totalBytes: number; missingBytes: number; cache: string }
  /** Bytes that are here, of the plan's total. */
  | { phase: 'bytes'; bytes: number; totalBytes: number }
  /** Another process downloads this file; its end is waited for. */
  | { phase: 'wait'; path: string }

export type OnPullEvent = (event: PullEvent) => void
