import type { GeneratedImage } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { tensorToPicture } from '../images/picture-tensor.ts'
import { createNoiseSource, type NoiseSourceOptions } from '../noise/noise-source.ts'
import { encodeNpy } from '../tensor/npy.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { zeros } from './channels.ts'
import { denoise, type StepReport } from './denoise.ts'
import type { PreparedRequest } from './families/family.ts'
import type { DrawingJob } from './job.ts'
import { startSchedule } from './schedule.ts'

/** One model's part of a request; with a refiner there are two. */
export interface Stage {
  job: DrawingJob
  prepared: PreparedRequest
}

/** Which picture of the request is drawn, and from which seed. */
export interface ImagePlace {
  index: number
  seed: number
}

/** Draws one image with its own generator, through all stages, and decodes it. */
export async function drawImage(stages: readonly Stage[], place: ImagePlace): Promise<GeneratedImage> {
  const { job: last, prepared } = stages.at(-1)!
  const latents = await drawLatents(stages, place)
  assertNumbers(latents)
  const decoded = await last.vae.decode(prepared.toLatents?.(latents) ?? latents, last.context)
  const shown = prepared.present?.(decoded) ?? { picture: tensorToPicture(decoded) }
  const drawn = { ...shown, seed: place.seed }
  return last.request.diffusion?.saveLatents ? { ...drawn, latents: encodeNpy(latents) } : drawn
}

async function drawLatents(stages: readonly Stage[], place: ImagePlace): Promise<Tensor> {
  const { context } = stages[0]!.job
  context.signal.throwIfAborted()
  const noise = createNoiseSource({ ...noiseOptions(stages[0]!.job), seed: place.seed })
  let latents: Tensor | undefined
  let stepsBefore = 0
  for (const [at, { job, prepared }] of stages.entries()) {
    const stepsAfter = countSteps(stages.slice(at + 1))
    const start = await prepared.begin(noise, latents)
    const before = stepsBefore
    latents = await denoise(start, context.signal, (report) =>
      reportStep({ job, prepared }, place.index, {
        ...report,
        index: before + report.index,
        total: before + report.total + stepsAfter,
      }),
    )
    stepsBefore += start.run.steps.length
  }
  return latents!
}

function noiseOptions({ request: { diffusion = {} }, vae }: DrawingJob): Omit<NoiseSourceOptions, 'seed'> {
  const { noiseSource, noiseDtype, variationStrength, variationSeed = 0, seedResizeFrom } = diffusion
  const { scaleFactor } = vae.config
  return {
    source: noiseSource ?? 'torch-cpu',
    dtype: noiseDtype ?? 'float32',
    variation: variationStrength ? { seed: variationSeed, strength: variationStrength } : undefined,
    drawnFor: seedResizeFrom && {
      height: Math.max(1, Math.floor(seedResizeFrom.height / scaleFactor)),
      width: Math.max(1, Math.floor(seedResizeFrom.width / scaleFactor)),
    },
  }
}

/** Steps of stages that have not begun; laying out a schedule draws nothing. */
function countSteps(stages: readonly Stage[]): number {
  return stages.reduce((sum, { job }) => sum + startSchedule(job, { normal: zeros }).steps.length, 0)
}

async function reportStep({ job, prepared }: Stage, image: number, report: StepReport): Promise<void> {
  const { context, vae } = job
  const { onProgress, previewEvery = 0 } = context
  const step = report.index + 1
  onProgress?.({ phase: 'step-end', image, step, totalSteps: report.total })
  if (!onProgress || previewEvery <= 0 || step % previewEvery !== 0 || step === report.total) return
  const picture = await vae.previewOf(prepared.toLatents?.(report.denoised) ?? report.denoised, context)
  if (picture) onProgress({ phase: 'preview', image, step, picture })
}

function assertNumbers({ data }: Tensor): void {
  if (data.every(Number.isFinite)) return
  throw new DiffgentorError(
    'nan_output',
    'The denoiser gave values that are not numbers, as half-precision models do when they overflow; use a float32 export or other settings.',
  )
}
