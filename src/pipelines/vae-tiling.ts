import type { Tensor } from '../tensor/tensor.ts'

/** Pixels and latents of tiles, as diffusers lays them out. */
export interface TilePlan {
  /** Side of a tile before and after the graph. */
  inputSide: number
  outputSide: number
  /** Output cells for one input cell; below 1 when encoding. */
  ratio: number
}

/** Neighbors share a quarter of a tile. */
const OVERLAP = 0.25

/**
 * Runs a graph over overlapping tiles of [1, C, h, w] and joins what it gives, fading from one tile into the next, as diffusers'
 * `tiled_decode` and `tiled_encode` do. Statistics are those of a tile, so the result differs slightly from an untiled one.
 */
export async function runTiled(input: Tensor, plan: TilePlan, run: (tile: Tensor) => Promise<Tensor>): Promise<Tensor> {
  const [, , height = 0, width = 0] = input.shape
  const stride = Math.floor(plan.inputSide * (1 - OVERLAP))
  const extent = Math.floor(plan.outputSide * OVERLAP)
  const limit = plan.outputSide - extent
  const rows: Tensor[][] = []
  for (let top = 0; top < height; top += stride) {
    const row: Tensor[] = []
    for (let left = 0; left < width; left += stride) {
      row.push(await run(cutTile(input, { top, left, height: plan.inputSide, width: plan.inputSide })))
    }
    rows.push(row)
  }
  for (const [i, row] of rows.entries()) {
    for (const [j, tile] of row.entries()) {
      if (i > 0) fadeFromAbove(rows[i - 1]![j]!, tile, extent)
      if (j > 0) fadeFromLeft(row[j - 1]!, tile, extent)
    }
  }
  return joinTiles(rows, limit, { height: Math.round(height * plan.ratio), width: Math.round(width * plan.ratio) })
}

interface Area {
  top: number
  left: number
  height: number
  width: number
}

/** Cells of an area; one that reaches over the edge gives a smaller tile. */
function cutTile({ data, shape }: Tensor, area: Area): Tensor {
  const [, channels = 0, height = 0, width = 0] = shape
  const tall = Math.min(area.height, height - area.top)
  const wide = Math.min(area.width, width - area.left)
  const cut = new Float32Array(channels * tall * wide)
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < tall; y++) {
      const from = (channel * height + area.top + y) * width + area.left
      cut.set(data.subarray(from, from + wide), (channel * tall + y) * wide)
    }
  }
  return { data: cut, shape: [1, channels, tall, wide] }
}

/** Changes the upper rows of `below`; its neighbor is already faded itself. */
function fadeFromAbove(above: Tensor, below: Tensor, extent: number): void {
  const [, channels = 0, tallAbove = 0, wideAbove = 0] = above.shape
  const [, , tall = 0, wide = 0] = below.shape
  const rows = Math.min(tallAbove, tall, extent)
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < rows; y++) {
      const share = y / rows
      for (let x = 0; x < wide; x++) {
        const old = above.data[(channel * tallAbove + tallAbove - rows + y) * wideAbove + x]!
        const at = (channel * tall + y) * wide + x
        below.data[at] = old * (1 - share) + below.data[at]! * share
      }
    }
  }
}

function fadeFromLeft(before: Tensor, after: Tensor, extent: number): void {
  const [, channels = 0, , wideBefore = 0] = before.shape
  const [, , tall = 0, wide = 0] = after.shape
  const columns = Math.min(wideBefore, wide, extent)
  for (let row = 0; row < channels * tall; row++) {
    for (let x = 0; x < columns; x++) {
      const share = x / columns
      const old = before.data[row * wideBefore + wideBefore - columns + x]!
      const at = row * wide + x
      after.data[at] = old * (1 - share) + after.data[at]! * share
    }
  }
}

/** Puts the upper left `limit` cells of each tile side by side. */
function joinTiles(rows: readonly (readonly Tensor[])[], limit: number, size: { height: number; width: number }): Tensor {
  const channels = rows[0]![0]!.shape[1]!
  const data = new Float32Array(channels * size.height * size.width)
  for (const [i, row] of rows.entries()) {
    for (const [j, { data: tile, shape }] of row.entries()) {
      const [, , tall = 0, wide = 0] = shape
      const kept = Math.min(limit, wide, size.width - j * limit)
      for (let channel = 0; channel < channels; channel++) {
        for (let y = 0; y < Math.min(limit, tall, size.height - i * limit); y++) {
          const from = (channel * tall + y) * wide
          data.set(tile.subarray(from, from + kept), (channel * size.height + i * limit + y) * size.width + j * limit)
        }
      }
    }
  }
  return { data, shape: [1, channels, size.height, size.width] }
}
