import type { EncodedPicture, ImageRequest } from './image-request.ts'
import type { ImageResult, ImageWarning, RawPicture } from './image-result.ts'
import type { CaptionRequest, PictureEmbedding } from './picture-reading.ts'
import type { Progress } from './progress.ts'

/** Which sizes a model draws. */
export interface SizeRule {
  /** Width and height must be multiples of this many pixels. */
  multiple: number
  /** Smallest and largest width and height, in pixels. */
  min: number
  max: number
  /** The only sizes possible, as `WxH`; absent: any that fits the rule. */
  only?: readonly string[] | undefined
  /** The size drawn when none is asked for. */
  default: { width: number; height: number }
}

/** Which videos a model makes. */
export interface VideoRule {
  /** A video has one frame more than a multiple of this many; 1: any number. */
  frameMultiple: number
  /** The fewest and the most frames of one video. */
  minFrames: number
  maxFrames: number
  /** Frames a second that the model was trained on. */
  framesPerSecond: number
}

/** What a backend can do with the model that it was opened with. */
export interface BackendCapabilities {
  /** Draws from text alone. */
  generate: boolean
  /** Edits pictures. */
  edit: boolean
  /** Honors a mask. */
  mask: boolean
  negativePrompt: boolean
  /** The same seed gives the same picture. */
  seed: boolean
  guidanceScale: boolean
  numInferenceSteps: boolean
  /** The most denoising steps that make sense; absent: no limit. */
  maxInferenceSteps?: number | undefined
  /** Understands `request.diffusion`. */
  diffusion: boolean
  /** Widths of the vectors that textual inversions must have, by text encoder. Absent: unknown. */
  embeddingWidths?: Readonly<Partial<Record<'text_encoder' | 'text_encoder_2', number>>> | undefined
  /** Pictures in one call; more are split into several calls. */
  maxImagesPerCall: number
  /** Source pictures in one edit. */
  maxInputImages: number
  /** Absent: the backend decides for itself. */
  sizes?: SizeRule | undefined
  /** Makes videos, as long as `diffusion.numFrames` says; absent: pictures only. */
  video?: VideoRule | undefined
  /** Calls at once that are worth having. */
  concurrency: number
  /** Calls cost money: a call that may have been billed is never repeated on its own. */
  paid: boolean
  /** Awaits `beforeSend` of its calls; absent: a call counts as sent when it begins. */
  announcesSends?: boolean | undefined
}

/** What comes with every call. */
export interface CallContext {
  signal: AbortSignal
  onProgress?: ((event: Progress) => void) | undefined
  /** Awaited whenever a request has waited its turn and is about to leave for a provider; a rejection keeps it from leaving. */
  beforeSend?: (() => Promise<void>) | undefined
  /** A preview after every so many steps; absent or 0: none. */
  previewEvery?: number | undefined
}

/** A model opened behind a backend. `run` may be called many times at once; more than `capabilities.concurrency` calls wait their turn. */
export interface ImageBackend extends AsyncDisposable {
  /** The name in the registry. */
  readonly name: string
  /** Which weights answer: a folder's name, a hub id, a provider's model. */
  readonly modelId: string
  readonly capabilities: BackendCapabilities
  /** Draws. Rejects at once when the signal is already aborted, and soon (between steps) when it fires later. */
  run(request: ImageRequest, context: CallContext): Promise<ImageResult>
  /** Rejects what could only fail, without drawing: a size, a scheduler, a file. The request's prompt and pictures may be missing. */
  check?(request: ImageRequest): Promise<void> | void
  /** Describes a picture in words; absent: the model cannot. */
  describePicture?(request: CaptionRequest, context: CallContext): Promise<string>
  /** What the model's encoders make of a picture; absent: it cannot tell. */
  embedPicture?(image: EncodedPicture, context: CallContext): Promise<PictureEmbedding>
  /** Enlarges a picture with an ONNX super-resolution graph, by the path of its file; absent: it runs no graphs. */
  enlargePicture?(picture: RawPicture, upscaler: string, context: CallContext): Promise<RawPicture>
  /** The pieces that the model's tokenizer makes of a prompt, in order; absent: it cannot tell. */
  listTokens?(prompt: string): Promise<string[]>
  /** Loads what the first call would load, so that faults show early. */
  warmUp?(context: CallContext): Promise<void>
  /** Gives memory back until the next call. */
  unload?(): Promise<void>
  /** Starts afresh after a fault that may lie in the backend's own state. */
  restart?(): Promise<void>
  /** The model's own defaults, for `--print_config`, the server and the price of a dry run. */
  readonly defaults?: Readonly<{ numInferenceSteps?: number; guidanceScale?: number }> | undefined
  /** Warnings that hold for every call, such as a wish in the settings that cannot be honored. Told once. */
  readonly openingWarnings?: readonly ImageWarning[] | undefined
}
