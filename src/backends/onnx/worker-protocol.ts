import type {
  CaptionRequest,
  EncodedPicture,
  ImageRequest,
  PictureEmbedding,
  Progress,
  RawPicture,
} from '../../contract/index.ts'
import { DiffgentorError, type ErrorCode, toDiffgentorError } from '../../errors.ts'
import type { PipelineOptions, PipelineResult } from '../../pipelines/index.ts'

/** What a worker is asked. Work is done in the order in which it arrives; `cancel` counts at once. */
export type ToWorker =
  | { type: 'open'; options: PipelineOptions }
  | { type: 'warm-up'; id: number }
  | { type: 'draw'; id: number; request: ImageRequest; previewEvery: number }
  | { type: 'describe'; id: number; request: CaptionRequest }
  | { type: 'embed'; id: number; image: EncodedPicture }
  | { type: 'enlarge'; id: number; picture: RawPicture; upscaler: string }
  | { type: 'cancel'; id: number }

/** What a worker answers. */
export type FromWorker =
  /** It has begun with a piece of work. */
  | { type: 'start'; id: number }
  | { type: 'progress'; id: number; event: Progress }
  | { type: 'done'; id: number; answer: WorkerAnswer }
  | { type: 'error'; id: number; error: SentError }

export interface WorkerAnswer {
  /** What was drawn. */
  result?: PipelineResult | undefined
  /** The words for a picture. */
  text?: string | undefined
  embedding?: PictureEmbedding | undefined
  /** The enlarged picture. */
  picture?: RawPicture | undefined
  /** Resident size of the process, in bytes. */
  residentBytes: number
  /** Milliseconds inside ONNX Runtime for this piece of work. */
  runtimeMs: number
}

/** An error on its way between processes. */
export interface SentError {
  code: ErrorCode
  message: string
  field?: string | undefined
  stack?: string | undefined
}

export function packError(thrown: unknown): SentError {
  const message = thrown instanceof Error ? thrown.message : ''
  if (/bad_alloc|failed to allocate memory|array buffer allocation failed/i.test(message)) {
    const advice = 'draw a smaller picture, run fewer workers (--num_workers), or use --enable_vae_tiling or --enable_cpu_offload'
    return { code: 'out_of_memory', message: `The model ran out of memory; ${advice}.` }
  }
  const { code, message: sentence, field, stack } = toDiffgentorError(thrown)
  return { code, message: sentence, field, stack }
}

export function unpackError({ code, message, field, stack }: SentError): DiffgentorError {
  const error = new DiffgentorError(code, message, { field })
  if (stack !== undefined) error.stack = stack
  return error
}
