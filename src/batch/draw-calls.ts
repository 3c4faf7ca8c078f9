import type { GeneratedImage, ImageRequest, ImageResult, Progress, Usage } from '../contract/index.ts'
import { type DiffgentorError, toDiffgentorError } from '../errors.ts'
import { hashBytes } from '../event-loop/hash-bytes.ts'
import { checkPicture } from '../images/check-picture.ts'
import { encodeFilm } from '../images/encode-film.ts'
import { type EncodeOptions, encodePicture } from '../images/encode-picture.ts'
import { buildRecipe } from '../images/recipe.ts'
import type { Reservation } from './batch-options.ts'
import type { BatchRun } from './batch-run.ts'
import type { LedgerOutput } from './ledger-entry.ts'
import { formatOfName, latentsNameOf } from './output-names.ts'
import type { RowPlan } from './plan-row.ts'
import { endsRun } from './retry.ts'
import { sendCall } from './send-call.ts'
import type { RowSources } from './source-loader.ts'

/** A row on its way: what is drawn and saved of it already. A repeat goes on behind it, so that nothing is paid for twice. */
export interface RowDrawing {
  readonly plan: RowPlan
  readonly request: ImageRequest
  readonly sources: RowSources
  /** What a reader of the results should know. */
  readonly note: string | undefined
  readonly outputs: LedgerOutput[]
  /** Pictures of one flat color. */
  flatImages: number
  usage: Usage | undefined
  /** Whether the attempt's last request left and brought no pictures. */
  isSent: boolean
  /** Drawn while all other rows pause. */
  readonly isProbe: boolean
}

/** Draws and saves the pictures that a row still lacks, as many a call as the backend takes. `onSend` is awaited before each request leaves. */
export async function drawMissing(run: BatchRun, drawing: RowDrawing, onSend: () => Promise<void>): Promise<void> {
  const { request, outputs } = drawing
  const most = run.backend.capabilities.maxImagesPerCall
  while (outputs.length < request.numImages) {
    const first = outputs.length
    const numImages = Math.min(most, request.numImages - first)
    const call: ImageRequest = { ...request, numImages, seeds: request.seeds?.slice(first, first + numImages) }
    const result = await drawCall(run, drawing, call, onSend)
    for (const { detail } of result.warnings) run.warn(detail)
    for (const image of result.images) {
      const isAdjusted = result.warnings.some(({ field }) => field === 'size' || field === 'width' || field === 'height')
      outputs.push(await saveImage(run, drawing, result, image, isAdjusted))
    }
  }
}

async function drawCall(
  run: BatchRun,
  drawing: RowDrawing,
  call: ImageRequest,
  onSend: () => Promise<void>,
): Promise<ImageResult> {
  const first = drawing.outputs.length
  const inSlot = drawing.isProbe ? <T>(work: () => Promise<T>) => work() : <T>(work: () => Promise<T>) => run.slots.run(work)
  return await inSlot(async () => {
    if (!drawing.isProbe) await run.guard.ready()
    // A row that has pictures already is in flight and may finish.
    if (first === 0) run.control.draining.throwIfAborted()
    const { index } = drawing.plan.row
    const onProgress = (progress: Progress) => run.emit({ type: 'row-progress', index, progress: countFrom(first, progress) })
    const { round } = run.slots
    let reservation: Reservation | undefined
    try {
      reservation = await run.gate?.reserve(call, run.control.draining)
      const result = await sendCall(run, drawing, call, { announce: onSend, onProgress })
      drawing.isSent = false
      settle(run, drawing, reservation, result.usage)
      run.slots.grow()
      await run.guard.succeed()
      return result
    } catch (thrown) {
      const error = toDiffgentorError(thrown)
      settle(run, drawing, reservation, undefined, error)
      if (error.code === 'upstream_rate_limit') run.slots.halve(round)
      // Before the slot is free, so that no further request leaves.
      if (endsRun(error)) run.control.end(error)
      throw error
    }
  })
}

function countFrom(first: number, progress: Progress): Progress {
  return first > 0 && 'image' in progress ? { ...progress, image: progress.image + first } : progress
}

/** Notes what a call took, in the row and in the run. */
function settle(
  run: BatchRun,
  drawing: RowDrawing,
  reservation: Reservation | undefined,
  usage: Usage | undefined,
  error?: DiffgentorError,
): void {
  const costUsd = reservation?.settle({ usage, error }) ?? usage?.costUsd
  if (!usage && costUsd === undefined) return
  const sum = drawing.usage
  drawing.usage = {
    inputTokens: add(sum?.inputTokens, usage?.inputTokens),
    outputTokens: add(sum?.outputTokens, usage?.outputTokens),
    costUsd: add(sum?.costUsd, costUsd),
  }
  run.usage.inputTokens += usage?.inputTokens ?? 0
  run.usage.outputTokens += usage?.outputTokens ?? 0
  run.usage.costUsd += costUsd ?? 0
}

function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0)
}

/** Checks, encodes and writes one picture. */
async function saveImage(
  run: BatchRun,
  drawing: RowDrawing,
  result: ImageResult,
  image: GeneratedImage,
  isAdjusted: boolean,
): Promise<LedgerOutput> {
  const { plan, request, sources, outputs } = drawing
  const isExact = !isAdjusted && plan.settings.upscale === undefined
  const drawn = await checkPicture(image.picture, isExact ? request.size : undefined)
  const file = plan.names[outputs.length]!
  const { seed, revisedPrompt } = image
  const recipe = plan.settings.metadata
    ? buildRecipe({
        result: result.recipe,
        prompt: request.prompt,
        negativePrompt: request.negativePrompt,
        revisedPrompt,
        seed,
        size: { width: drawn.width, height: drawn.height },
        sourceHashes: sources.sourceHashes,
        maskHash: sources.maskHash,
        version: run.version,
      })
    : undefined
  const bytes = await encodeImage(run, image, { format: formatOfName(file), quality: plan.settings.outputQuality, recipe })
  const latents = image.latents ? latentsNameOf(file) : undefined
  if (latents && image.latents) await run.sink.save(latents, image.latents)
  await run.sink.save(file, bytes)
  if (drawn.isFlat || image.isFlagged) drawing.flatImages++
  const sha256 = await hashBytes(bytes)
  const further = { ...(latents && { latents }), ...(image.isFlagged && { nsfw: true as const }) }
  return { file, bytes: bytes.length, sha256, ...(seed !== undefined && { seed }), ...further }
}

/** A film becomes an animated WebP; no other format of pictures holds one. */
async function encodeImage(run: BatchRun, { picture, frames }: GeneratedImage, options: EncodeOptions): Promise<Uint8Array> {
  if (!frames || frames.length < 2) return await encodePicture(picture, options)
  if (options.format === 'webp') {
    const { framesPerSecond = 16 } = run.backend.capabilities.video ?? {}
    return await encodeFilm(frames, { ...options, framesPerSecond })
  }
  run.warn(`Of a film, only the first of ${frames.length} frames is kept in ${options.format}; use --output_format webp for all.`)
  return await encodePicture(picture, options)
}
