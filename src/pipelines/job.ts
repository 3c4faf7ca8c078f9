import type { CallContext, ControlNetChoice, ImageRequest, ImageWarning, Size } from '../contract/index.ts'
import type { AlignedFamily } from '../schedulers/align-your-steps.ts'
import type { Scheduler } from '../schedulers/scheduler.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { AdapterPlan } from './adapter-plan.ts'
import type { AdapterPlanner } from './adapters/adapter-planner.ts'
import type { ModelFacts } from './folder/inspect-model.ts'
import type { GraphStore } from './graphs/graph-store.ts'
import type { PromptEncoder } from './prompts/prompt-encoder.ts'
import type { Vae } from './vae.ts'

/** A model with its parts at hand; graphs load when first used. */
export interface OpenModel {
  facts: ModelFacts
  store: GraphStore
  prompts: PromptEncoder
  vae: Vae
  adapters: AdapterPlanner
}

/** What a picture starts from: noise, a picture, or a picture of which a mask is repainted. */
export type DrawingMode = 'text' | 'image' | 'mask'

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
  readonly controls: readonly ControlInput[]
  readonly scheduler: Scheduler
  /** Whose optimized timesteps apply, should the scheduler ask for some. */
  readonly alignedFamily: AlignedFamily
  readonly vae: Vae
  readonly adapters: AdapterPlan
  readonly warn: (warning: ImageWarning) => void
}
