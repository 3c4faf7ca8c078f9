import type { RawPicture, Size } from '../contract/index.ts'
import { takeTurns } from '../event-loop/take-turns.ts'
import { premultiplyAlpha, unpremultiplyAlpha } from './convert-channels.ts'
import { convertInBands } from './convert-in-bands.ts'
import { nearestIndices, planAxis, type Span } from './resize-axis.ts'
import { bicubic, box, type Filter, hamming, lanczos, triangle } from './resize-filters.ts'
import { type Pass, passColumns, passNearest, passRows } from './resize-passes.ts'

/** The resampling filters of Pillow, by its names. */
export type ResizeFilter = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos'

/** The part of a source picture that is resized. */
export interface ResizeBox {
  horizontal?: Span
  vertical?: Span
}

const FILTERS: Record<Exclude<ResizeFilter, 'nearest'>, Filter> = { box, bilinear: triangle, hamming, bicubic, lanczos }

/** A width that shrinks by one pixel outweighs a height that shrinks by two. */
const WIDTH_WEIGHT = 2

/** Steps of arithmetic done at once: one or two milliseconds. */
const PART_COST = 1_000_000

/**
 * Resizes to exactly the pixels that Pillow 13 gives (`Image.resize` without a reducing gap; Resample.c): two passes, the first
 * one rounded to 8 bits. The horizontal pass comes first, unless the vertical one spares it enough work; Pillow 12 always began
 * with the horizontal one. Pictures with alpha are premultiplied meanwhile. A size that is already right gives back the same
 * picture.
 */
export function resizePicture(picture: RawPicture, size: Size, filter: ResizeFilter, part: ResizeBox = {}): RawPicture {
  const passes = planPasses(picture, size, filter, part)
  if (passes.length === 0) return picture
  const blends = picture.channels === 4 && filter !== 'nearest'
  const source = blends ? premultiplyAlpha(picture) : picture
  const done = passes.reduce((input, begin) => {
    const { result, work } = begin(input)
    work(0, result.height)
    return result
  }, source)
  return blends ? unpremultiplyAlpha(done) : done
}

/** As `resizePicture`, in parts, so that a large picture holds up nobody. */
export async function resizeInTurns(picture: RawPicture, size: Size, filter: ResizeFilter): Promise<RawPicture> {
  const passes = planPasses(picture, size, filter, {})
  if (passes.length === 0) return picture
  const blends = picture.channels === 4 && filter !== 'nearest'
  let done = blends ? await convertInBands(picture, 4, premultiplyAlpha) : picture
  for (const begin of passes) {
    const { result, rowCost, work } = begin(done)
    await takeTurns(result.height, Math.max(1, Math.floor(PART_COST / rowCost)), work)
    done = result
  }
  return blends ? await convertInBands(done, 4, unpremultiplyAlpha) : done
}

/** What is to be done, in order; nothing where the size is right. */
function planPasses(picture: RawPicture, size: Size, filter: ResizeFilter, part: ResizeBox): ((input: RawPicture) => Pass)[] {
  const horizontal = part.horizontal ?? { start: 0, end: picture.width }
  const vertical = part.vertical ?? { start: 0, end: picture.height }
  const keepsWidth = isWhole(horizontal, picture.width) && size.width === picture.width
  const keepsHeight = isWhole(vertical, picture.height) && size.height === picture.height
  if (keepsWidth && keepsHeight) return []
  if (filter === 'nearest') {
    const columns = nearestIndices(horizontal, picture.width, size.width)
    return [(input) => passNearest(input, columns, nearestIndices(vertical, picture.height, size.height))]
  }
  const rows = (input: RawPicture) => passRows(input, planAxis(horizontal, picture.width, size.width, FILTERS[filter]))
  const columns = (input: RawPicture) => passColumns(input, planAxis(vertical, picture.height, size.height, FILTERS[filter]))
  if (keepsWidth) return [columns]
  if (keepsHeight) return [rows]
  return isColumnsFirst(picture, size) ? [columns, rows] : [rows, columns]
}

/** The order was found by trying thousands of sizes. */
function isColumnsFirst(from: Size, to: Size): boolean {
  const spared = from.height - to.height
  return spared > 0 && spared > WIDTH_WEIGHT * (from.width - to.width)
}

function isWhole(span: Span, length: number): boolean {
  return span.start === 0 && span.end === length
}
