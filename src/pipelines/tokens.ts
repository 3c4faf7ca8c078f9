import { countElements, type Tensor } from '../tensor/tensor.ts'

/**
 * Latents [1, C, h, w] as tokens [1, h·w/side², C·side²], row by row: squares of `side` latents, channel by channel, as
 * transformers take them.
 */
export function packTokens(grid: Tensor, side: number): Tensor {
  const [, channels, height, width] = grid.shape as [number, number, number, number]
  const data = new Float32Array(grid.data.length)
  visitCells(channels, { height, width }, side, (inGrid, inTokens) => {
    data[inTokens] = grid.data[inGrid]!
  })
  return { data, shape: [1, (height * width) / side ** 2, channels * side ** 2] }
}

/** The way back: tokens to latents [1, C, h, w]. */
export function unpackTokens(tokens: Tensor, shape: readonly number[], side: number): Tensor {
  const [, channels, height, width] = shape as [number, number, number, number]
  const data = new Float32Array(countElements(shape))
  visitCells(channels, { height, width }, side, (inGrid, inTokens) => {
    data[inGrid] = tokens.data[inTokens]!
  })
  return { data, shape }
}

/** Every value's place in the grid and in the tokens. */
function visitCells(
  channels: number,
  { height, width }: { height: number; width: number },
  side: number,
  visit: (inGrid: number, inTokens: number) => void,
): void {
  const columns = width / side
  const length = channels * side * side
  let inGrid = 0
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const row = Math.floor(y / side) * columns
      const inToken = (channel * side + (y % side)) * side
      for (let x = 0; x < width; x++) visit(inGrid++, (row + Math.floor(x / side)) * length + inToken + (x % side))
    }
  }
}

/** Rows and columns of the tokens of one picture. */
export interface TokenGrid {
  rows: number
  columns: number
}

/** Position ids [rows·columns, width], row by row: 0 but for the first column, and row and column in the two behind it. */
export function gridPositions({ rows, columns }: TokenGrid, width: number, first = 0): Tensor {
  const data = new Float32Array(rows * columns * width)
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at += width) {
      data[at] = first
      data[at + 1] = row
      data[at + 2] = column
    }
  }
  return { data, shape: [rows * columns, width] }
}
