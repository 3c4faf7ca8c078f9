import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readGraphSignature } from '../../src/onnx-proto/graph-signature.ts'
import { OnnxModel } from '../../src/onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../src/onnx-proto/onnx-node.ts'
import { OnnxTensor } from '../../src/onnx-proto/onnx-tensor.ts'
import { ProtoMessage } from '../../src/onnx-proto/proto-message.ts'
import { whyNotRunnable } from '../../src/onnx-proto/runnable.ts'
import { fixturePath } from '../support/fixtures.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dg-proto-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('the signature of a model file', () => {
  it('names inputs and outputs with types and dimensions', async () => {
    const signature = await readGraphSignature(fixturePath('models/sdxl-tiny/unet/model.onnx'))
    expect(signature.inputs.map(({ name, dtype }) => `${name} ${dtype}`)).toEqual([
      'sample float32',
      'timestep float32',
      'encoder_hidden_states float32',
      'text_embeds float32',
      'time_ids float32',
    ])
    expect(signature.inputs[0]?.dims[1]).toBe(4)
    expect(typeof signature.inputs[0]?.dims[2]).toBe('string')
    expect(signature.outputs.map(({ name }) => name)).toEqual(['out_sample'])
    expect(signature.opset).toBe(18)
  })

  it('tells half-precision graphs from the types of inputs and weights', async () => {
    const signature = await readGraphSignature(fixturePath('models/sd15-tiny-fp16/unet/model.onnx'))
    expect(signature.inputs[0]?.dtype).toBe('float16')
    expect(signature.initializerBytes.float16).toBeGreaterThan(100_000)
  })

  it('tells which data files hold which tensors', async () => {
    const signature = await readGraphSignature(fixturePath('models/sd15-tiny-external/unet/model.onnx'))
    expect(new Set(signature.external.map(({ location }) => location))).toEqual(new Set(['model.onnx_data']))
    for (const { length, bytes } of signature.external) expect(length).toBe(bytes)
  })

  it('counts the same bytes of weights whether they are inline or in a data file', async () => {
    const [inline, external] = await Promise.all(
      ['sd15-tiny', 'sd15-tiny-external'].map((name) => readGraphSignature(fixturePath(`models/${name}/unet/model.onnx`))),
    )
    expect(inline?.initializerBytes).toEqual(external?.initializerBytes)
  })

  it('steps over weights without loading them', async () => {
    const file = join(folder, 'sparse.onnx')
    await writeSparseModel(file, 1_900_000_000)
    const before = process.memoryUsage().rss
    const signature = await readGraphSignature(file)
    expect(signature.initializerBytes).toEqual({ float32: 1_900_000_000 })
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })

  it('collects the operators by domain', async () => {
    const model = OnnxModel.create()
    model.nodes.push(OnnxNode.create({ name: 'n', opType: 'FancyNorm', domain: 'acme', inputs: ['x'], outputs: ['y'] }))
    const signature = await readGraphSignature(await save(model))
    expect(signature.operators.get('acme')).toEqual(new Set(['FancyNorm']))
  })
})

describe('graphs inside graphs', () => {
  it('count among the operators', async () => {
    const { operators } = await readGraphSignature(await save(nest(2)))
    expect([...operators.get('')!]).toEqual(['If', 'Identity'])
  })

  it('are refused when nested without end', async () => {
    const file = await save(nest(200))
    await expect(readGraphSignature(file)).rejects.toMatchObject({ code: 'model_unreadable' })
  })
})

/** An Identity inside so many If nodes. */
function nest(depth: number): OnnxModel {
  let node = OnnxNode.create({ name: 'inner', opType: 'Identity', inputs: ['x'], outputs: ['y'] })
  for (let level = 0; level < depth; level++) {
    const graph = new ProtoMessage()
    graph.setMessages(1, [node.message])
    const attribute = new ProtoMessage()
    attribute.setText(1, 'then_branch')
    attribute.setMessages(6, [graph])
    node = OnnxNode.create({ name: 'outer', opType: 'If', inputs: ['condition'], outputs: ['y'] })
    node.message.setMessages(5, [attribute])
  }
  const model = OnnxModel.create()
  model.nodes.push(node)
  return model
}

describe('a file that is not a whole model', () => {
  it.each([
    ['is empty', new Uint8Array()],
    ['is text', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 134\n')],
    ['is random', Uint8Array.from({ length: 4096 }, (_, index) => (index * 7919) % 251)],
    ['claims a field longer than itself', Uint8Array.from([0x3a, 0xff, 0xff, 0xff, 0xff, 0x07])],
  ])('is refused when it %s', async (_, bytes) => {
    const file = join(folder, 'model.onnx')
    await writeFile(file, bytes)
    await expect(readGraphSignature(file)).rejects.toMatchObject({ code: 'model_unreadable' })
  })

  it('is refused wherever it was cut', async () => {
    const whole = await readFile(fixturePath('models/sd15-tiny/vae_decoder/model.onnx'))
    const file = join(folder, 'model.onnx')
    for (const share of [0.01, 0.3, 0.7, 0.999]) {
      await writeFile(file, whole.subarray(0, Math.floor(whole.length * share)))
      await expect(readGraphSignature(file)).rejects.toMatchObject({ code: 'model_unreadable' })
    }
  })

  it('is refused when it is a folder or missing', async () => {
    await expect(readGraphSignature(folder)).rejects.toMatchObject({ code: 'model_unreadable' })
    await expect(readGraphSignature(join(folder, 'none.onnx'))).rejects.toMatchObject({ code: 'model_not_found' })
  })
})

describe('whether a graph can run here', () => {
  it('has nothing against plain exports', async () => {
    expect(whyNotRunnable(await readGraphSignature(fixturePath('models/sd15-tiny/unet/model.onnx')))).toBeUndefined()
  })

  it('names operators of foreign domains', async () => {
    const model = OnnxModel.create()
    model.nodes.push(OnnxNode.create({ name: 'n', opType: 'FancyNorm', domain: 'acme', inputs: ['x'], outputs: ['y'] }))
    expect(whyNotRunnable(await readGraphSignature(await save(model)))).toMatch(/domain acme \(FancyNorm\)/)
  })

  it('names operators that only GPUs have, unless it is to run on one', async () => {
    const model = OnnxModel.create()
    model.nodes.push(OnnxNode.create({ name: 'n', opType: 'GroupNorm', domain: 'com.microsoft', inputs: ['x'], outputs: ['y'] }))
    const signature = await readGraphSignature(await save(model))
    expect(whyNotRunnable(signature)).toMatch(/GroupNorm/)
    expect(whyNotRunnable(signature, { device: 'gpu' })).toBeUndefined()
  })

  it('names bfloat16 inputs', async () => {
    const model = OnnxModel.create()
    model.addInput({ name: 'sample', dtype: 'bfloat16', dims: [1, 4] })
    expect(whyNotRunnable(await readGraphSignature(await save(model)))).toMatch(/sample in bfloat16/)
  })
})

async function save(model: OnnxModel): Promise<string> {
  const file = join(folder, 'model.onnx')
  await writeFile(file, model.encode())
  return file
}

/** A model with one large initializer whose data is a hole in the file. */
async function writeSparseModel(file: string, bytes: number): Promise<void> {
  const model = OnnxModel.create()
  const marker = new Uint8Array(8).fill(0xab)
  model.setInitializer(OnnxTensor.create('weight', 'float32', [bytes / 4], marker))
  const small = Buffer.from(model.encode())
  // The lengths of the tensor, of the graph and of the data grow from 8 bytes to the wanted size.
  const tensor = OnnxTensor.create('weight', 'float32', [bytes / 4], marker).message.encode()
  const head = small.subarray(0, small.indexOf(0x3a))
  const name = Buffer.from([0x12, 0x05, ...Buffer.from('graph')])
  const tensorHead = Buffer.from(tensor.subarray(0, tensor.length - 9))
  const dataHead = Buffer.concat([tensorHead, varint(bytes)])
  const initializer = Buffer.concat([Buffer.from([0x2a]), varint(dataHead.length + bytes), dataHead])
  const graph = Buffer.concat([Buffer.from([0x3a]), varint(name.length + initializer.length + bytes), name, initializer])
  const start = Buffer.concat([head, graph])
  await writeFile(file, start)
  await truncate(file, start.length + bytes)
}

function varint(value: number): Buffer {
  const digits: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) digits.push((rest % 128) | 128)
  return Buffer.from([...digits, rest])
}
