import type { CallContext, ControlNetChoice, ImageRequest, ImageWarning, RawPicture, Size } from '../contract/index.ts'
import type { AlignedFamily } from '../schedulers/align-your-steps.ts'
import type { Scheduler } from '../schedulers/scheduler.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { AdapterPlan } from './adapter-plan.ts'
import type { AdapterPlanner } from './adapters/adapter-planner.ts'
import type { ModelFacts } from './folder/inspect-model.ts'
import type { GraphStore } from './graphs/graph-store.ts'
import type { ImagePromptEncoder } from './ip-adapter/image-prompt-encoder.ts'
import type { PromptEncoder } from './prompts/prompt-encoder.ts'
import type { SequenceEncoder } from './prompts/sequence-encoder.ts'
import type { Vae } from './vae.ts'

/** A model with its parts at hand; graphs load when first used. */
export interface OpenModel {
  facts: ModelFacts
  store: GraphStore
  /** Texts for CLIP encoders. */
  prompts: PromptEncoder
  /** Texts for all other encoders. */
  sequences: SequenceEncoder
  /** Pictures for IP-Adapters. */
  imagePrompts: ImagePromptEncoder
  vae: Vae
  adapters: AdapterPlanner
}

/** What a picture starts from: noise, a picture, a picture of which a mask is repainted, or noise with pictures to look at. */
export type DrawingMode = 'text' | 'image' | 'mask' | 'reference'

/** A ControlNet with its condition picture [1, 3, H, W] of 0 … 1. */
export interface ControlInput {
  choice: ControlNetChoice
  picture: Tensor
}

/** A request with every default filled in. */
export interface DrawingJob {
  readonly request: ImageRequest
  readonly context: CallContext
  readonly mode: DrawingMode
  readonly size: Size
  /** [1, C, h, w] */
  readonly latentShape: readonly number[]
  readonly numInferenceSteps: number
  readonly guidanceScale: number
  /** 1 where there is no source. */
  readonly strength: number
  /** The source picture [1, 3, H, W] of −1 … 1. */
  readonly source: Tensor | undefined
  /** The mask [1, 1, H, W] of zeros and ones; 1 repaints. */
  readonly mask: Tensor | undefined
  /** Pictures to look at, as given. */
  readonly references: readonly RawPicture[]
  readonly controls: readonly ControlInput[]
  readonly scheduler: Scheduler
  /** The model's scheduler configuration with the request's keys over it, unknown ones included. */
  readonly schedulerConfig: Readonly<Record<string, unknown>>
  /** Whose optimized timesteps apply, should the scheduler ask for some. */
  readonly alignedFamily: AlignedFamily
  readonly vae: Vae
  readonly adapters: AdapterPlan
  readonly warn: (warning: ImageWarning) => void
}
