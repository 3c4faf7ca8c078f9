/** Uncompressed 8-bit pixels, row by row from the top left, channels interleaved. */
export interface RawPicture {
  kind: 'raw'
  pixels: Uint8Array
  width: number
  height: number
  /** 1 gray, 3 sRGB, 4 sRGB with straight alpha. */
  channels: 1 | 3 | 4
}

/** A picture as a provider sent it. */
export interface EncodedResult {
  kind: 'encoded'
  bytes: Uint8Array
}

/** One finished picture. */
export interface GeneratedImage {
  picture: RawPicture | EncodedResult
  /** All frames of a video, in order and of one size; `picture` is the first of them. Absent: not a video. */
  frames?: readonly RawPicture[] | undefined
  /** The seed that drew it, when the backend knows. */
  seed?: number | undefined
  /** The final latents as a NumPy `.npy` file of float32 [1, C, h, w], when asked for. */
  latents?: Uint8Array | undefined
  /** The prompt as the provider rewrote it. */
  revisedPrompt?: string | undefined
  /** Whether a safety checker found it unfit, in which case it is black. Absent: none looked at it. */
  isFlagged?: boolean | undefined
}

/** Something asked for that could not be honored, or only in part. */
export interface ImageWarning {
  kind: 'ignored' | 'adjusted'
  /** The field of the request, in the words of the command line: `negative_prompt`. */
  field: string
  /** One sentence. */
  detail: string
}

/** What a provider says it took. */
export interface Usage {
  inputTokens?: number | undefined
  /** Those of the input tokens that source pictures took. */
  inputImageTokens?: number | undefined
  outputTokens?: number | undefined
  /** US dollars, when the provider reports or the price table knows them. */
  costUsd?: number | undefined
}

/** What was really used, after all defaults: enough to draw the same picture again. JSON values only; no times, hosts or absolute paths. */
export interface ResolvedRecipe {
  backend: string
  model: string
  /** SHA-256 over the model's files, for local models. */
  modelHash?: string | undefined
  family?: string | undefined
  scheduler?: string | undefined
  schedulerConfig?: Readonly<Record<string, unknown>> | undefined
  numInferenceSteps?: number | undefined
  guidanceScale?: number | undefined
  /** Everything else that shapes the picture, by its flag's name: `clip_skip`, `strength`, `loras` … */
  settings?: Readonly<Record<string, unknown>> | undefined
}

/** The answer to one request. */
export interface ImageResult {
  /** As many as were asked for, in order. */
  images: GeneratedImage[]
  warnings: ImageWarning[]
  recipe: ResolvedRecipe
  usage?: Usage | undefined
}
