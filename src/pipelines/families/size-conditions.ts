import type { Size } from '../../contract/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { DrawingJob, OpenModel } from '../job.ts'

/** How high the refiner aims, and what it keeps away from, on a scale of 1 to 10. */
const AESTHETIC_SCORES = { positive: 6, negative: 2.5 }
const NO_CROP = { top: 0, left: 0 }

/** What SDXL's denoiser is told beside the prompt (arXiv 2307.01952 §2.2): original size, crop and target size, or the refiner's score in place of the target. */
export function sizeConditions(model: OpenModel, { request, size }: DrawingJob): Tensor {
  const { originalSize = size, targetSize = size, cropTopLeft = NO_CROP, aestheticScore } = request.diffusion ?? {}
  const score = aestheticScore ?? AESTHETIC_SCORES.positive
  return toTensor(originalSize, cropTopLeft, isRefiner(model) ? [score] : heightFirst(targetSize))
}

/** The same beside the negative prompt. What is absent is taken where diffusers takes it: from the prompt's side, but for some crops. */
export function negativeConditions(model: OpenModel, job: DrawingJob): Tensor {
  const { mode, request, size } = job
  const { originalSize = size, targetSize = size, cropTopLeft = NO_CROP, ...rest } = request.diffusion ?? {}
  const { negativeOriginalSize, negativeTargetSize, negativeAestheticScore } = rest
  const hasOwnSizes = mode === 'text' && negativeOriginalSize !== undefined && negativeTargetSize !== undefined
  const usualCrop = isRefiner(model) || hasOwnSizes ? NO_CROP : cropTopLeft
  const score = negativeAestheticScore ?? AESTHETIC_SCORES.negative
  return toTensor(
    negativeOriginalSize ?? originalSize,
    rest.negativeCropTopLeft ?? usualCrop,
    isRefiner(model) ? [score] : heightFirst(negativeTargetSize ?? targetSize),
  )
}

function isRefiner({ facts }: OpenModel): boolean {
  return facts.family === 'stable-diffusion-xl-refiner'
}

function toTensor(original: Size, crop: { top: number; left: number }, goal: readonly number[]): Tensor {
  const data = Float32Array.from([...heightFirst(original), crop.top, crop.left, ...goal])
  return { data, shape: [1, data.length] }
}

function heightFirst({ height, width }: Size): number[] {
  return [height, width]
}
