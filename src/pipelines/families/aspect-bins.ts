import type { Size } from '../../contract/index.ts'
import { roundHalfToEven } from '../folder/edit-areas.ts'

/** The sizes of training as height × width in sixteenths of the side that a model was trained on, from wide to square. */
const BINS: readonly (readonly [height: number, width: number])[] = [
  [8, 32],
  [8, 29],
  [9, 28],
  [9, 27],
  [9, 26],
  [10, 25],
  [10, 24],
  [11, 23],
  [11, 22],
  [11, 21],
  [12, 21],
  [12, 20],
  [13, 19],
  [13, 18],
  [14, 18],
  [14, 17],
  [15, 17],
  [15, 16],
  [16, 16],
  [16, 15],
  [17, 15],
  [17, 14],
  [18, 14],
  [18, 13],
  [19, 13],
  [20, 12],
  [21, 12],
  [22, 11],
  [23, 11],
  [24, 10],
  [25, 10],
  [27, 9],
  [32, 8],
]

/** Sizes that only models of 2048 pixels and more saw. */
const LARGE_BINS: typeof BINS = [
  [8, 31],
  [8, 30],
  [26, 9],
  [28, 9],
  [29, 8],
  [30, 8],
  [31, 8],
]

const UNITS = 16
const LARGE_SIDE = 2048
const SIDES = [256, 512, 1024, 2048, 4096]

/** The size of training nearest in ratio, for a model trained on pictures of `side`; undefined for models that no table is known of. */
export function nearestBin({ width, height }: Size, side: number): Size | undefined {
  if (!SIDES.includes(side)) return undefined
  const ratio = height / width
  const bins = side >= LARGE_SIDE ? [...BINS, ...LARGE_BINS] : BINS
  // The reference names its sizes by ratios of two digits and compares with the names.
  const distance = ([tall, wide]: readonly [number, number]) => Math.abs(roundHalfToEven((tall / wide) * 100) / 100 - ratio)
  const [tall, wide] = bins.reduce((best, bin) => (distance(bin) < distance(best) ? bin : best))
  const unit = side / UNITS
  return { width: wide * unit, height: tall * unit }
}
