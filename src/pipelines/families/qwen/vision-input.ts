import type { RawPicture, Size } from '../../../contract/index.ts'
import { toRgb } from '../../../images/convert-channels.ts'
import { CLIP_COLORS, pictureToNormalized } from '../../../images/normalized-tensor.ts'
import { resizePicture } from '../../../images/resize-picture.ts'
import type { FeedValue } from '../../../onnx-runtime/index.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { roundHalfToEven } from '../../folder/edit-areas.ts'
import type { TokenGrid } from '../../tokens.ts'

/** Pixels on a side of a patch. */
const PATCH = 14
/** Patches on a side of a group, which becomes one token. */
const GROUP = 2
/** Groups on a side of a window. */
const WINDOW = 4
const CELL = PATCH * GROUP
const FRAMES = 2
/** Pixels that the vision tower takes. */
const PIXELS = { least: 56 * 56, most: 1280 * CELL * CELL }

/** Feeds of Qwen2.5-VL's vision tower for one picture, and its tokens. */
export interface VisionInput {
  feeds: {
    pixel_values: Tensor
    position_ids: FeedValue
    window_index: FeedValue
    window_ids: FeedValue
  }
  grid: TokenGrid
}

/** Resizes a picture to whole groups of patches and cuts it up, as transformers' Qwen2-VL processor does. */
export function toVisionInput(picture: RawPicture): VisionInput {
  const size = fitToCells(picture)
  const resized = resizePicture(toRgb(picture), size, 'bicubic')
  const grid = { rows: size.height / CELL, columns: size.width / CELL }
  const windows = listWindows(grid)
  const groups = windows.flat().length
  return {
    feeds: {
      pixel_values: cutPatches(pictureToNormalized(resized, CLIP_COLORS), grid),
      position_ids: placePatches(grid),
      window_index: { data: windows.flat(), shape: [groups] },
      window_ids: { data: windows.flatMap((window, i) => window.map(() => i)), shape: [groups] },
    },
    grid,
  }
}

/** The nearest size of whole cells with a number of pixels that the tower takes. */
function fitToCells({ width, height }: Size): Size {
  const rounded = { width: roundHalfToEven(width / CELL) * CELL, height: roundHalfToEven(height / CELL) * CELL }
  const area = rounded.width * rounded.height
  if (area > PIXELS.most) {
    const factor = Math.sqrt((width * height) / PIXELS.most)
    const cut = (side: number) => Math.max(1, Math.floor(side / factor / CELL)) * CELL
    return { width: cut(width), height: cut(height) }
  }
  if (area >= PIXELS.least) return rounded
  const factor = Math.sqrt(PIXELS.least / (width * height))
  const grow = (side: number) => Math.ceil((side * factor) / CELL) * CELL
  return { width: grow(width), height: grow(height) }
}

/** Patches group by group, each as channel, frame, row, column; the one frame stands twice. [patches, 1176] */
function cutPatches({ data: colors, shape }: Tensor, { rows, columns }: TokenGrid): Tensor {
  const [, channels = 3, height = 1, width = 1] = shape
  const count = rows * columns * GROUP * GROUP
  const length = channels * FRAMES * PATCH * PATCH
  const data = new Float32Array(count * length)
  let to = 0
  forEachPatch({ rows, columns }, (row, column) => {
    for (let channel = 0; channel < channels; channel++) {
      const start = to
      for (let y = 0; y < PATCH; y++) {
        const from = (channel * height + row * PATCH + y) * width + column * PATCH
        data.set(colors.subarray(from, from + PATCH), to)
        to += PATCH
      }
      data.copyWithin(to, start, to)
      to += PATCH * PATCH
    }
  })
  return { data, shape: [count, length] }
}

/** Row and column of every patch. [patches, 2] */
function placePatches(grid: TokenGrid): FeedValue {
  const data: number[] = []
  forEachPatch(grid, (row, column) => data.push(row, column))
  return { data, shape: [data.length / 2, 2] }
}

/** Visits the patches group by group. */
function forEachPatch({ rows, columns }: TokenGrid, visit: (row: number, column: number) => void): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let y = 0; y < GROUP; y++) {
        for (let x = 0; x < GROUP; x++) visit(row * GROUP + y, column * GROUP + x)
      }
    }
  }
}

/** The groups of each window, within which most layers look. */
function listWindows({ rows, columns }: TokenGrid): number[][] {
  const windows: number[][] = []
  for (let top = 0; top < rows; top += WINDOW) {
    for (let left = 0; left < columns; left += WINDOW) {
      const groups: number[] = []
      for (let row = top; row < Math.min(top + WINDOW, rows); row++) {
        for (let column = left; column < Math.min(left + WINDOW, columns); column++) groups.push(row * columns + column)
      }
      windows.push(groups)
    }
  }
  return windows
}
