import type { FeedValue } from '../../../onnx-runtime/index.ts'
import type { TokenGrid } from '../../tokens.ts'

const AXES = 3

/**
 * Positions of a message's tokens for Qwen2.5-VL (time, row, column): text counts up on all axes; a picture's tokens share one time and
 * spread over rows and columns; what follows goes on behind its longer side. [3, 1, tokens]
 */
export function placeMessageTokens(ids: readonly number[], pictureId: number, grids: readonly TokenGrid[]): FeedValue {
  const data = new Float32Array(AXES * ids.length)
  const put = (token: number, time: number, row: number, column: number) => {
    data[token] = time
    data[ids.length + token] = row
    data[2 * ids.length + token] = column
  }
  const pictures = grids[Symbol.iterator]()
  let position = 0
  for (let token = 0; token < ids.length; ) {
    const grid = ids[token] === pictureId ? (pictures.next().value as TokenGrid | undefined) : undefined
    if (!grid) {
      put(token++, position, position, position)
      position++
      continue
    }
    for (let row = 0; row < grid.rows; row++) {
      for (let column = 0; column < grid.columns; column++) put(token++, position, position + row, position + column)
    }
    position += Math.max(grid.rows, grid.columns)
  }
  return { data, shape: [AXES, 1, ids.length] }
}
