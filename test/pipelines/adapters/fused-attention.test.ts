import { describe, expect, it } from 'vitest'
import { OnnxModel } from '../../../src/onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../../src/onnx-proto/onnx-node.ts'
import { OnnxTensor } from '../../../src/onnx-proto/onnx-tensor.ts'
import { type GraphSource, OnnxSession } from '../../../src/onnx-runtime/index.ts'
import { fuseAttention } from '../../../src/pipelines/adapters/fuse-attention.ts'
import { withFusedAttention } from '../../../src/pipelines/adapters/graph-changes.ts'
import { fixturePath } from '../../support/fixtures.ts'
import { madeUp } from '../../support/write-safetensors.ts'

const WIDTH = 16
const HEADS = 2

interface AttentionForm {
  scale?: number
  mask?: boolean
  /** Where the scale is applied. */
  scaled?: 'query' | 'scores'
}

/** Self-attention on `x` as an exporter writes it. */
function writeAttention({ scale = 1 / Math.sqrt(WIDTH / HEADS), mask = false, scaled = 'query' }: AttentionForm): OnnxModel {
  const model = OnnxModel.create()
  model.addInput({ name: 'x', dtype: 'float32', dims: ['batch', 'tokens', WIDTH] })
  model.addOutput({ name: 'out', dtype: 'float32', dims: ['batch', 'tokens', WIDTH] })
  const floats = (name: string, dims: number[], data: readonly number[] | Float32Array) =>
    model.setInitializer(OnnxTensor.create(name, 'float32', dims, new Uint8Array(Float32Array.from(data).buffer)))
  const sizes = (name: string, data: readonly number[]) =>
    model.setInitializer(OnnxTensor.create(name, 'int64', [data.length], new Uint8Array(BigInt64Array.from(data, BigInt).buffer)))
  const add = (opType: string, inputs: string[], output: string, attributes = {}) =>
    model.nodes.push(OnnxNode.create({ name: output, opType, inputs, outputs: [output], attributes }))
  sizes('split', [0, -1, HEADS, WIDTH / HEADS])
  sizes('join', [0, -1, WIDTH])
  floats('scale', [], [scale])
  floats('mask', [1, 1, 1, 5], [0, 0, 0, 0, -100])
  for (const [index, name] of ['q', 'k', 'v'].entries()) {
    floats(`${name}.weight`, [WIDTH, WIDTH], madeUp([WIDTH, WIDTH], index).data)
    add('MatMul', ['x', `${name}.weight`], `${name}3`)
    add('Reshape', [`${name}3`, 'split'], `${name}4`)
    add('Transpose', [`${name}4`], name, { perm: name === 'k' ? [0, 2, 3, 1] : [0, 2, 1, 3] })
  }
  if (scaled === 'query') add('Mul', ['q', 'scale'], 'qs')
  add('MatMul', [scaled === 'query' ? 'qs' : 'q', 'k'], 'product')
  if (scaled === 'scores') add('Mul', ['product', 'scale'], 'scaled')
  const scores = scaled === 'scores' ? 'scaled' : 'product'
  if (mask) add('Add', [scores, 'mask'], 'masked')
  add('Softmax', [mask ? 'masked' : scores], 'weights', { axis: -1 })
  add('MatMul', ['weights', 'v'], 'heads')
  add('Transpose', ['heads'], 'together', { perm: [0, 2, 1, 3] })
  add('Reshape', ['together', 'join'], 'out')
  return model
}

async function run(model: OnnxModel): Promise<Float32Array> {
  await using session = await OnnxSession.open({ proto: model.encode(), dataFolder: '/', label: 'attention' })
  const { out } = await session.run({ x: { data: Float32Array.from(madeUp([2, 5, WIDTH], 9).data), shape: [2, 5, WIDTH] } }, [
    'out',
  ])
  return out!.data
}

function greatestDifference(one: Float32Array, other: Float32Array): number {
  return Math.max(...one.map((value, index) => Math.abs(value - other[index]!)))
}

describe('attention written out in single operators', () => {
  it.each([{ scaled: 'query' }, { scaled: 'scores' }] as const)('is fused with its scale on the $scaled', async (form) => {
    const plain = await run(writeAttention(form))
    const model = writeAttention(form)
    expect(await fuseAttention(model)).toBe(1)
    expect(model.nodes.map(({ opType }) => opType)).toEqual(['MatMul', 'MatMul', 'MatMul', 'MultiHeadAttention'])
    expect(greatestDifference(plain, await run(model))).toBeLessThan(1e-6)
  })

  it.each([
    ['a mask is added to the scores', { mask: true }],
    ['the scale is another than one over the root of the width', { scale: 0.2 }],
    ['there is no scale at all', { scale: 1 }],
  ])('stays as it is when %s', async (_, form) => {
    const model = writeAttention(form)
    const before = model.nodes.length
    expect(await fuseAttention(model)).toBe(0)
    expect(model.nodes).toHaveLength(before)
  })

  it.each(['sd15-tiny', 'sd15-tiny-external', 'sd15-tiny-old', 'sdxl-tiny'])(
    'of %s computes the same once fused',
    async (name) => {
      const file = fixturePath(`models/${name}/unet/model.onnx`)
      const fused = await withFusedAttention(file)
      expect(typeof fused).toBe('object')
      const [plain, changed] = [await predict(file), await predict(fused)]
      expect(greatestDifference(plain, changed)).toBeLessThan(1e-5)
    },
  )

  it('leaves graphs without any as the files that they are', async () => {
    const file = fixturePath('models/sd15-tiny/text_encoder/model.onnx')
    expect(await withFusedAttention(file)).toBe(file)
  })
})

/** One run of a UNet on made-up input. */
async function predict(source: GraphSource): Promise<Float32Array> {
  await using session = await OnnxSession.open(source)
  const feeds = Object.fromEntries(
    [...session.inputs].map(([name, { shape }], index) => {
      const dims = shape.map((size, axis) => (typeof size === 'number' ? size : [1, 7, 8, 8][axis]!))
      return [name, { data: Float32Array.from(madeUp(dims, index).data), shape: dims }]
    }),
  )
  return (await session.run(feeds, ['out_sample']))['out_sample']!.data
}
