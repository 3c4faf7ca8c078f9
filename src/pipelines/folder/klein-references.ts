import type { Size } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'

const GRID = 16
const MOST_PIXELS = 1024 * 1024
const LEAST_SIDE = 64
const LONGEST_RATIO = 8

/** What is done to a picture that FLUX.2 looks at. */
export interface ReferencePlan {
  resized: Size
  /** The part in the middle that is kept, whole tokens. */
  crop: Size & { left: number; top: number }
}

/** Reduces above a megapixel and cuts to whole tokens. Rejects pictures that are too small or too long. */
export function referencePlan({ width, height }: Size): ReferencePlan {
  assertReference({ width, height })
  const pixels = width * height
  const shrink = pixels > MOST_PIXELS ? Math.sqrt(MOST_PIXELS / pixels) : 1
  const resized = { width: Math.trunc(width * shrink), height: Math.trunc(height * shrink) }
  const size = { width: resized.width - (resized.width % GRID), height: resized.height - (resized.height % GRID) }
  const left = Math.floor((resized.width - size.width) / 2)
  const top = Math.floor((resized.height - size.height) / 2)
  return { resized, crop: { ...size, left, top } }
}

function assertReference({ width, height }: Size): void {
  const problem =
    Math.min(width, height) < LEAST_SIDE
      ? `at least ${LEAST_SIDE} pixels on each side`
      : Math.max(width / height, height / width) > LONGEST_RATIO
        ? `at most ${LONGEST_RATIO} times as long as wide`
        : undefined
  if (problem === undefined) return
  throw new DiffgentorError('invalid_request', `A picture that this model looks at must be ${problem}, got ${width}x${height}.`, {
    field: 'image',
  })
}
