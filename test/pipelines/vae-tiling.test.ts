import { describe, expect, it } from 'vitest'
import { runTiled } from '../../src/pipelines/vae-tiling.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

/** Two channels, every value different. */
function makeTensor(height: number, width: number): Tensor {
  return { data: Float32Array.from({ length: 2 * height * width }, (_, i) => i), shape: [1, 2, height, width] }
}

function repeatCells({ data, shape }: Tensor): Tensor {
  const [, channels = 0, height = 0, width = 0] = shape
  const enlarged = new Float32Array(data.length * 4)
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < 2 * height; y++) {
      for (let x = 0; x < 2 * width; x++) {
        enlarged[(channel * 2 * height + y) * 2 * width + x] = data[(channel * height + (y >> 1)) * width + (x >> 1)]!
      }
    }
  }
  return { data: enlarged, shape: [1, channels, 2 * height, 2 * width] }
}

describe('working in tiles', () => {
  it.each([
    [8, 8],
    [9, 20],
    [14, 12],
    [30, 31],
  ])('gives what one run gives where a graph looks at single cells: %i x %i', async (height, width) => {
    const input = makeTensor(height, width)
    const plan = { inputSide: 8, outputSide: 16, ratio: 2 }
    const { data, shape } = await runTiled(input, plan, async (tile) => repeatCells(tile))
    const whole = repeatCells(input)
    expect(shape).toEqual(whole.shape)
    for (let i = 0; i < data.length; i++) expect(data[i]).toBeCloseTo(whole.data[i]!, 2)
  })

  it('fades from one tile into the next over a quarter of a tile', async () => {
    const tiles = [0, 10]
    const plan = { inputSide: 8, outputSide: 8, ratio: 1 }
    const run = async ({ data, shape }: Tensor) => ({ data: new Float32Array(data.length).fill(tiles.shift()!), shape })
    const { data } = await runTiled({ data: new Float32Array(12), shape: [1, 1, 1, 12] }, plan, run)
    expect([...data]).toEqual([0, 0, 0, 0, 0, 0, 0, 5, 10, 10, 10, 10])
  })
})
