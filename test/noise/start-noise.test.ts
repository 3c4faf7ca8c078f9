import { describe, expect, it } from 'vitest'
import { createNoiseSource, type NoiseSourceOptions } from '../../src/noise/noise-source.ts'

const SHAPE = [1, 4, 6, 5]
const PLACES = [0, 17, 31, 44, 62, 88, 101, 119]

const open = (wishes: Partial<NoiseSourceOptions>) =>
  createNoiseSource({ source: 'torch-cpu', seed: 7, dtype: 'float32', ...wishes })

const plain = Array.from(open({}).start(SHAPE).data)

describe('the noise that a picture starts from', () => {
  // stable-diffusion-webui's ImageRNG.first and slerp on torch's CPU generator: seed 7, other seed 9, [4, 6, 5].
  it.each([
    {
      wish: { variation: { seed: 9, strength: 0.3 } },
      expected: [-1.010718, 0.050222, -1.420506, 0.026117, 0.062376, -0.644601, -1.195373, -0.941088],
    },
    {
      wish: { drawnFor: { height: 4, width: 6 } },
      expected: [-0.820135, 1.090165, -1.359769, -0.261587, -0.355266, -0.398459, -2.257782, -0.529963],
    },
    {
      wish: { variation: { seed: 9, strength: 0.3 }, drawnFor: { height: 9, width: 3 } },
      expected: [-0.820135, -1.683065, 0.387804, -0.261587, -0.79899, -0.398459, 0.445305, -0.529963],
    },
    {
      wish: { variation: { seed: 7, strength: 0.3 } },
      expected: [-0.820135, -0.324567, -1.359769, -0.261587, -0.355266, -0.398459, -0.018943, -0.529963],
    },
  ])('is that of stable-diffusion-webui with $wish', ({ wish, expected }) => {
    const { data, shape } = open(wish).start(SHAPE)
    expect(shape).toEqual(SHAPE)
    for (const [at, place] of PLACES.entries()) expect(data[place]).toBeCloseTo(expected[at]!, 5)
  })

  it('is plain noise without wishes, and with wishes that change nothing', () => {
    expect(Array.from(open({}).normal(SHAPE).data)).toEqual(plain)
    expect(Array.from(open({ variation: { seed: 9, strength: 0 } }).start(SHAPE).data)).toEqual(plain)
    expect(Array.from(open({ drawnFor: { height: 6, width: 5 } }).start(SHAPE).data)).toEqual(plain)
  })

  it('is the other seed’s at full strength', () => {
    const turned = open({ variation: { seed: 9, strength: 1 } }).start(SHAPE).data
    const other = open({ seed: 9 }).start(SHAPE).data
    expect(Array.from(turned)).toEqual(Array.from(other))
  })

  it('leaves later draws as they are', () => {
    const [varied, usual] = [open({ variation: { seed: 9, strength: 0.5 }, drawnFor: { height: 3, width: 3 } }), open({})]
    varied.start(SHAPE)
    usual.start(SHAPE)
    expect(varied.normal([8]).data).toEqual(usual.normal([8]).data)
  })

  it('keeps to the precision in which noise is drawn', () => {
    const { data } = open({ dtype: 'bfloat16', variation: { seed: 9, strength: 0.3 } }).start(SHAPE)
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length)
    expect(bits.every((value) => (value & 0xffff) === 0)).toBe(true)
  })
})
