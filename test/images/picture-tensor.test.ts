import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RawPicture, Size } from '../../src/contract/index.ts'
import { toGray, toRgb } from '../../src/images/convert-channels.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { defaultSize, type FitMode, fitPicture } from '../../src/images/fit-picture.ts'
import { maskToTensor, pictureToTensor, resizeTensorNearest, tensorToPicture } from '../../src/images/picture-tensor.ts'
import type { ResizeFilter } from '../../src/images/resize-picture.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readNpy } from '../support/read-npy.ts'

interface ProcessorCase {
  config: {
    vae_scale_factor: number
    resample?: ResizeFilter
    do_convert_rgb?: boolean
    do_normalize?: boolean
    do_binarize?: boolean
    do_convert_grayscale?: boolean
  }
  input: string
  call?: { height: number; width: number; resize_mode?: FitMode }
  output: string
}

const CASES: ProcessorCase[] = JSON.parse(readFileSync(fixturePath('images/processor.json'), 'utf8'))

async function preprocess({ config, input, call }: ProcessorCase): Promise<Tensor> {
  const { picture } = await decodePicture(readFileSync(fixturePath(`images/inputs/${input}.png`)))
  const size: Size = defaultSize(call ?? picture, config.vae_scale_factor)
  // Pillow never blends the colors of a palette.
  const filter = input.startsWith('palette') ? 'nearest' : (config.resample ?? 'lanczos')
  const fitted: RawPicture = fitPicture(picture, size, filter, call?.resize_mode)
  if (config.do_binarize) return maskToTensor(toGray(fitted))
  return pictureToTensor(toRgb(fitted), config.do_normalize === false ? 'unit' : 'signed')
}

describe('pictures for the model', () => {
  it.each(CASES.map((item) => [item.output, item] as const))('are the very numbers of diffusers: %s', async (_, item) => {
    const tensor = await preprocess(item)
    const expected = readNpy(fixturePath(`images/${item.output}`))
    expect([...tensor.shape].slice(-2)).toEqual(expected.shape.slice(-2))
    expect(largestDifference(tensor, expected.values)).toBe(0)
  })
})

describe('pictures from the model', () => {
  it('are rounded half to even and clamped as in diffusers', () => {
    const input = readNpy(fixturePath('images/postprocess-in.npy'))
    const picture = tensorToPicture({ data: Float32Array.from(input.values), shape: input.shape })
    expect([...picture.pixels]).toEqual([...readNpy(fixturePath('images/postprocess-uint8.npy')).values])
  })

  it('are refused when a value is not a number', () => {
    const data = new Float32Array(12).fill(Number.NaN, 5, 6)
    expect(() => tensorToPicture({ data, shape: [1, 3, 2, 2] })).toThrow(expect.objectContaining({ code: 'nan_output' }))
  })
})

describe('masks at the size of the latents', () => {
  it.each([
    ['postprocess-mask-latent', { width: 12, height: 8 }],
    ['postprocess-mask-latent-odd', { width: 13, height: 7 }],
  ])('take the nearest value as torch does: %s', (name, size) => {
    const mask = readNpy(fixturePath('images/postprocess-mask-in.npy'))
    const resized = resizeTensorNearest({ data: Float32Array.from(mask.values), shape: mask.shape }, size)
    expect([...resized.data]).toEqual([...readNpy(fixturePath(`images/${name}.npy`)).values])
  })
})

function largestDifference(tensor: Tensor, expected: Float64Array): number {
  expect(tensor.data.length).toBe(expected.length)
  return tensor.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i]!)), 0)
}
