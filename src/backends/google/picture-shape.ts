import type { ImageWarning, Size } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import type { GoogleModel, SizeClass } from './google-models.ts'

/** How Google is told the size of a picture: by ratio and class, not by pixels. */
export interface PictureShape {
  aspectRatio?: string
  imageSize?: string
}

const SCALES: Record<SizeClass, number> = { '1K': 1, '2K': 2, '4K': 4 }
/** Pixels that a picture of class 1K has, about, whatever its ratio. */
const PIXELS_OF_1K = 1024 * 1024

/**
 * The nearest ratio on a logarithmic scale, and the nearest size class by the long edge, both among what the model draws.
 * The picture will rarely have the very pixels asked for, which the warning says.
 */
export function shapeOf({ width, height }: Size, model: GoogleModel): { shape: PictureShape; warning: ImageWarning } {
  const wanted = Math.log(width / height)
  const aspectRatio = nearest(model.ratios, (ratio) => Math.abs(Math.log(readRatio(ratio)) - wanted))
  const ratio = readRatio(aspectRatio)
  const longEdge = Math.sqrt(PIXELS_OF_1K * Math.max(ratio, 1 / ratio))
  const imageSize = nearest(model.sizeClasses, (size) => Math.abs(Math.log(Math.max(width, height) / (longEdge * SCALES[size]))))
  const hasClasses = model.sizeClasses.length > 1
  return {
    shape: { aspectRatio, ...(hasClasses && { imageSize }) },
    warning: {
      kind: 'adjusted',
      field: 'size',
      detail: `${width}x${height} is asked for as aspect ratio ${aspectRatio} and size ${imageSize}; the provider chooses the pixels.`,
    },
  }
}

/** Checks a ratio given in words. */
export function checkRatio(ratio: string, model: GoogleModel, modelId: string): string {
  if (model.ratios.includes(ratio)) return ratio
  const known = model.ratios.join(', ')
  throw new DiffgentorError('invalid_request', `The model ${modelId} draws the aspect ratios ${known}; got ${ratio}.`, {
    field: 'aspect_ratio',
  })
}

function readRatio(ratio: string): number {
  const [width, height] = ratio.split(':').map(Number)
  return width! / height!
}

function nearest<T>(all: readonly T[], distance: (item: T) => number): T {
  return all.reduce((best, item) => (distance(item) < distance(best) ? item : best))
}
