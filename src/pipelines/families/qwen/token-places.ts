import type { Tensor } from '../../../tensor/tensor.ts'
import type { TokenGrid } from '../../tokens.ts'

const COLUMNS = 3

/** Where every picture token stands: number of the picture, then row and column counted from the middle. [tokens, 3] */
export function placeImageTokens(grids: readonly TokenGrid[]): Tensor {
  const count = grids.reduce((sum, { rows, columns }) => sum + rows * columns, 0)
  const data = new Float32Array(count * COLUMNS)
  let at = 0
  for (const [picture, { rows, columns }] of grids.entries()) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        data[at] = picture
        data[at + 1] = row - Math.ceil(rows / 2)
        data[at + 2] = column - Math.ceil(columns / 2)
        at += COLUMNS
      }
    }
  }
  return { data, shape: [count, COLUMNS] }
}

/** Text tokens stand on the diagonal behind the largest picture. [tokens, 3] */
export function placeTextTokens(count: number, grids: readonly TokenGrid[]): Tensor {
  const first = Math.max(...grids.flatMap(({ rows, columns }) => [Math.floor(rows / 2), Math.floor(columns / 2)]))
  const data = new Float32Array(count * COLUMNS)
  for (let i = 0; i < data.length; i++) data[i] = first + Math.floor(i / COLUMNS)
  return { data, shape: [count, COLUMNS] }
}
