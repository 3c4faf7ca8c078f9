import type { RawPicture } from './image-result.ts'

/** What a backend tells while it works. `image` counts the pictures of the request from 0; steps count from 1. */
export type Progress =
  /** A model or a component is being loaded. */
  | { phase: 'load'; component: string }
  /** The request left the queue: it is being worked on, or was sent to the provider. */
  | { phase: 'start' }
  | { phase: 'step-end'; image: number; step: number; totalSteps: number }
  /** A rough view of an unfinished picture. */
  | { phase: 'preview'; image: number; step: number; picture: RawPicture }
