import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LoraChoice } from '../../../src/contract/index.ts'
import { OnnxModel } from '../../../src/onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../../src/onnx-proto/onnx-node.ts'
import { OnnxTensor } from '../../../src/onnx-proto/onnx-tensor.ts'
import { OnnxSession } from '../../../src/onnx-runtime/index.ts'
import { AdapterPlanner } from '../../../src/pipelines/adapters/adapter-planner.ts'
import { madeUp, type TestTensor, writeSafetensors } from '../../support/write-safetensors.ts'

const IN = 12
const OUT = 8
const TOKENS = 3

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dg-lora-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** How a network's linear layer may stand in a graph. */
type Form = 'MatMul' | 'Gemm' | 'Transpose' | 'Conv' | 'quantized'

const weight = madeUp([OUT, IN], 1)
const x = madeUp([TOKENS, IN], 2)

/** A graph of one layer `blocks.0.to_q` with the weight [out, in] stored as the form wants. */
async function writeGraph(form: Form): Promise<string> {
  const model = OnnxModel.create()
  const file = join(folder, 'model.onnx')
  const node = (opType: string, inputs: string[], attributes = {}) =>
    OnnxNode.create({ name: `/blocks.0/to_q/${opType}`, opType, inputs, outputs: ['y'], attributes })
  const store = (name: string, { shape, data }: TestTensor) =>
    model.setInitializer(OnnxTensor.create(name, 'float32', shape, new Uint8Array(Float32Array.from(data).buffer)))
  const dims = form === 'Conv' ? [1, IN, TOKENS, 1] : [TOKENS, IN]
  model.addInput({ name: 'x', dtype: 'float32', dims })
  model.addOutput({ name: 'y', dtype: 'float32', dims: dims.map(() => '') })
  if (form === 'MatMul') {
    store('onnx::MatMul_7', turn(weight))
    model.nodes.push(node('MatMul', ['x', 'onnx::MatMul_7']))
  } else if (form === 'Gemm') {
    store('blocks.0.to_q.weight', weight)
    store('blocks.0.to_q.bias', { shape: [OUT], data: new Float32Array(OUT) })
    model.nodes.push(node('Gemm', ['x', 'blocks.0.to_q.weight', 'blocks.0.to_q.bias'], { transB: 1 }))
  } else if (form === 'Transpose') {
    store('blocks.0.to_q.weight', weight)
    model.nodes.push(
      OnnxNode.create({
        name: 'turn',
        opType: 'Transpose',
        inputs: ['blocks.0.to_q.weight'],
        outputs: ['turned'],
        attributes: { perm: [1, 0] },
      }),
      OnnxNode.create({ name: 'node_linear_3', opType: 'MatMul', inputs: ['x', 'turned'], outputs: ['y'] }),
    )
  } else if (form === 'Conv') {
    store('blocks.0.to_q.weight', { shape: [OUT, IN, 1, 1], data: weight.data })
    model.nodes.push(node('Conv', ['x', 'blocks.0.to_q.weight'], { kernel_shape: [1, 1] }))
  } else {
    quantize(model)
    model.nodes.push(node('MatMul', ['x', 'dequantized']))
  }
  await writeFile(file, model.encode())
  return file
}

/** The weight as int8 with one scale. */
function quantize(model: OnnxModel): void {
  const turned = turn(weight)
  const bytes = Int8Array.from(turned.data, (value) => Math.round(value * 127))
  model.setInitializer(OnnxTensor.create('onnx::MatMul_7_quantized', 'int8', turned.shape, new Uint8Array(bytes.buffer)))
  model.setInitializer(OnnxTensor.create('scale', 'float32', [], new Uint8Array(Float32Array.of(1 / 127).buffer)))
  model.nodes.push(
    OnnxNode.create({
      name: 'dequantize',
      opType: 'DequantizeLinear',
      inputs: ['onnx::MatMul_7_quantized', 'scale'],
      outputs: ['dequantized'],
    }),
  )
}

function turn({ shape: [rows = 0, columns = 0], data }: TestTensor): TestTensor {
  return {
    shape: [columns, rows],
    data: Float32Array.from({ length: data.length }, (_, at) => data[(at % rows) * columns + Math.floor(at / rows)]!),
  }
}

/** `x · (W + change)ᵀ` */
function expected(
  change: (output: number, input: number) => number,
  base: (o: number, i: number) => number = (o, i) => weight.data[o * IN + i]!,
) {
  return Array.from({ length: TOKENS * OUT }, (_, at) => {
    const [token, output] = [Math.floor(at / OUT), at % OUT]
    let sum = 0
    for (let input = 0; input < IN; input++) sum += x.data[token * IN + input]! * (base(output, input) + change(output, input))
    return sum
  })
}

/** Runs the graph with LoRAs; gives [tokens, out]. */
async function run(form: Form, loras: readonly LoraChoice[], cacheFolder?: string): Promise<number[]> {
  const file = await writeGraph(form)
  const planner = new AdapterPlanner({ graphs: new Map([['unet', file]]), cacheFolder, fusesAttention: false })
  const variant = (await planner.plan({ loras })).variants.get('unet')!
  await using session = await OnnxSession.open(await variant.build(file), { dequantizeWeights: form === 'quantized' })
  const data = form === 'Conv' ? turn(x).data : x.data
  const shape = form === 'Conv' ? [1, IN, TOKENS, 1] : [TOKENS, IN]
  const { y } = await session.run({ x: { data: Float32Array.from(data), shape }, ...variant.feeds }, ['y'])
  return [...(form === 'Conv' ? turn({ shape: [OUT, TOKENS], data: y!.data }).data : y!.data)] as number[]
}

async function write(tensors: Readonly<Record<string, TestTensor>>, name = 'lora'): Promise<string> {
  return await writeSafetensors(
    join(folder, `${name}.safetensors`),
    Object.fromEntries(Object.entries(tensors).map(([part, tensor]) => [`lora_unet_blocks_0_to_q.${part}`, tensor])),
  )
}

function expectClose(got: readonly number[], wanted: readonly number[]): void {
  expect(got).toHaveLength(wanted.length)
  expect(Math.max(...got.map((value, index) => Math.abs(value - wanted[index]!)))).toBeLessThan(2e-5)
}

const at = ({ shape, data }: TestTensor, row: number, column: number) => data[row * shape[1]! + column]!

describe('a low-rank update', () => {
  const down = madeUp([2, IN], 3)
  const up = madeUp([OUT, 2], 4)
  const product = (o: number, i: number) => at(up, o, 0) * at(down, 0, i) + at(up, o, 1) * at(down, 1, i)

  it.each(['MatMul', 'Gemm', 'Transpose', 'Conv'] as const)('is added to a %s', async (form) => {
    const path = await write({ 'lora_down.weight': down, 'lora_up.weight': up, alpha: { shape: [], data: [1] } })
    expectClose(
      await run(form, [{ path, weight: 0.5 }]),
      expected((o, i) => 0.25 * product(o, i)),
    )
  })

  it('is added beside a quantized weight, which stays as it is', async () => {
    const path = await write({ 'lora_down.weight': down, 'lora_up.weight': up })
    const stored = (o: number, i: number) => Math.round(weight.data[o * IN + i]! * 127) / 127
    expectClose(await run('quantized', [{ path, weight: 1 }]), expected(product, stored))
  })

  it('adds to others, each with its own weight', async () => {
    const first = await write({ 'lora_down.weight': down, 'lora_up.weight': up }, 'first')
    const otherDown = madeUp([1, IN], 5)
    const otherUp = madeUp([OUT, 1], 6)
    const second = await write({ 'lora_down.weight': otherDown, 'lora_up.weight': otherUp }, 'second')
    const loras = [
      { path: first, weight: 0.7 },
      { path: second, weight: -1.5 },
    ]
    expectClose(
      await run('MatMul', loras),
      expected((o, i) => 0.7 * product(o, i) - 1.5 * at(otherUp, o, 0) * at(otherDown, 0, i)),
    )
  })

  it.each(['MatMul', 'Gemm', 'Transpose', 'Conv'] as const)('of high rank is merged into a %s', async (form) => {
    const [wideDown, wideUp] = [madeUp([20, IN], 7), madeUp([OUT, 20], 8)]
    const path = await write({ 'lora_down.weight': wideDown, 'lora_up.weight': wideUp, alpha: { shape: [], data: [10] } })
    const sum = (o: number, i: number) =>
      Array.from({ length: 20 }, (_, r) => r).reduce((total, r) => total + at(wideUp, o, r) * at(wideDown, r, i), 0)
    expectClose(
      await run(form, [{ path, weight: 1 }]),
      expected((o, i) => 0.5 * sum(o, i)),
    )
  })
})

describe('the strength of an update', () => {
  const down = madeUp([4, IN], 3)
  const up = madeUp([OUT, 4], 4)
  const product = (o: number, i: number) => [0, 1, 2, 3].reduce((sum, r) => sum + at(up, o, r) * at(down, r, i), 0)
  const tensors = { 'blocks.0.to_q.lora_A.weight': down, 'blocks.0.to_q.lora_B.weight': up }
  const prefixed = (prefix: string) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${prefix}.${name}`, tensor]))

  it.each([
    ['one alpha', { 'unet.lora_alpha': 8 }, 2],
    ['an alpha for this module', { 'unet.lora_alpha': 8, 'unet.alpha_pattern': { 'blocks.0.to_q': 1 } }, 0.25],
    ['rank stabilization', { 'unet.lora_alpha': 8, 'unet.use_rslora': true }, 4],
  ])('is read from the header that diffusers writes: %s', async (_, config, factor) => {
    const metadata = { lora_adapter_metadata: JSON.stringify(config) }
    const path = await writeSafetensors(join(folder, 'lora.safetensors'), prefixed('unet'), metadata)
    expectClose(
      await run('MatMul', [{ path, weight: 1 }]),
      expected((o, i) => factor * product(o, i)),
    )
  })

  it("is read from PEFT's own configuration beside the file", async () => {
    const path = await writeSafetensors(join(folder, 'adapter_model.safetensors'), prefixed('base_model.model'))
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ r: 4, lora_alpha: 2 }))
    expectClose(
      await run('MatMul', [{ path, weight: 1 }]),
      expected((o, i) => 0.5 * product(o, i)),
    )
  })
})

describe('an update of another kind', () => {
  it('may be a product of two products (LoHa)', async () => {
    const [a, b, c, d] = [madeUp([OUT, 2], 3), madeUp([2, IN], 4), madeUp([OUT, 2], 5), madeUp([2, IN], 6)]
    const path = await write({ hada_w1_a: a, hada_w1_b: b, hada_w2_a: c, hada_w2_b: d, alpha: { shape: [], data: [1] } })
    const pair = (left: TestTensor, right: TestTensor, o: number, i: number) =>
      at(left, o, 0) * at(right, 0, i) + at(left, o, 1) * at(right, 1, i)
    expectClose(
      await run('MatMul', [{ path, weight: 1 }]),
      expected((o, i) => 0.5 * pair(a, b, o, i) * pair(c, d, o, i)),
    )
  })

  it('may be a Kronecker product (LoKr)', async () => {
    const [left, right] = [madeUp([2, 3], 3), madeUp([OUT / 2, IN / 3], 4)]
    const path = await write({ lokr_w1: left, lokr_w2: right, alpha: { shape: [], data: [99] } })
    const value = (o: number, i: number) => at(left, Math.floor(o / 4), Math.floor(i / 4)) * at(right, o % 4, i % 4)
    expectClose(
      await run('Gemm', [{ path, weight: 0.3 }]),
      expected((o, i) => 0.3 * value(o, i)),
    )
  })

  it('may set the length of each row (DoRA)', async () => {
    const [down, up] = [madeUp([2, IN], 3), madeUp([OUT, 2], 4)]
    const lengths = Array.from({ length: OUT }, (_, o) => 2 + o / 4)
    const path = await write({ 'lora_down.weight': down, 'lora_up.weight': up, dora_scale: { shape: [OUT, 1], data: lengths } })
    const moved = (o: number, i: number) =>
      weight.data[o * IN + i]! + at(up, o, 0) * at(down, 0, i) + at(up, o, 1) * at(down, 1, i)
    const norm = (o: number) => Math.hypot(...Array.from({ length: IN }, (_, i) => moved(o, i)))
    expectClose(
      await run('MatMul', [{ path, weight: 1 }]),
      expected(
        () => 0,
        (o, i) => (lengths[o]! * moved(o, i)) / norm(o),
      ),
    )
  })

  it('is refused beside a quantized weight', async () => {
    const path = await write({ lokr_w1: madeUp([2, 3], 3), lokr_w2: madeUp([OUT / 2, IN / 3], 4) })
    await expect(run('quantized', [{ path, weight: 1 }])).rejects.toMatchObject({ code: 'unsupported', field: 'loras' })
  })

  it('is computed once and kept in the cache folder, also by several at once', async () => {
    const path = await write({ lokr_w1: madeUp([2, 3], 3), lokr_w2: madeUp([OUT / 2, IN / 3], 4) })
    const file = await writeGraph('MatMul')
    const cacheFolder = join(folder, 'cache')
    const planner = new AdapterPlanner({ graphs: new Map([['unet', file]]), cacheFolder, fusesAttention: false })
    const variant = (await planner.plan({ loras: [{ path, weight: 1 }] })).variants.get('unet')!
    await Promise.all([variant.build(file), variant.build(file), variant.build(file)])
    const kept = await readdir(join(cacheFolder, 'merged-weights'))
    expect(kept).toHaveLength(1)
    expect(kept[0]).toMatch(/^[0-9a-f]{32}\.bin$/)
    await using session = await OnnxSession.open(await variant.build(file))
    expect((await session.run({ x: { data: Float32Array.from(x.data), shape: [TOKENS, IN] } }, ['y'])).y?.data).toHaveLength(
      TOKENS * OUT,
    )
  })
})

describe('a LoRA file', () => {
  it('that matches only partly is told with numbers', async () => {
    const path = await writeSafetensors(join(folder, 'partial.safetensors'), {
      'lora_unet_blocks_0_to_q.lora_down.weight': madeUp([2, IN], 3),
      'lora_unet_blocks_0_to_q.lora_up.weight': madeUp([OUT, 2], 4),
      'lora_unet_blocks_9_to_q.lora_down.weight': madeUp([2, IN], 5),
      'lora_unet_blocks_9_to_q.lora_up.weight': madeUp([OUT, 2], 6),
      'something.else': madeUp([1], 7),
    })
    const planner = new AdapterPlanner({ graphs: new Map([['unet', await writeGraph('MatMul')]]), fusesAttention: false })
    const { warnings } = await planner.plan({ loras: [{ path, weight: 1 }] })
    expect(warnings.map(({ detail }) => detail)).toEqual([
      expect.stringContaining('1 of 2 modules'),
      expect.stringContaining('1 tensors of the LoRA'),
    ])
  })

  it('that lacks half of a pair is refused', async () => {
    const path = await write({ 'lora_down.weight': madeUp([2, IN], 3) })
    await expect(run('MatMul', [{ path, weight: 1 }])).rejects.toMatchObject({ code: 'model_unreadable' })
  })

  it.each([
    ['is cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 5)],
    ['has no header', () => Buffer.from('PK\x03\x04 not a safetensors file at all')],
    ['is empty', () => Buffer.alloc(0)],
    [
      'claims a header beyond its end',
      (bytes: Buffer) => Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), bytes]),
    ],
  ])('that %s is refused in one sentence', async (_, damage) => {
    const path = await write({ 'lora_down.weight': madeUp([2, IN], 3), 'lora_up.weight': madeUp([OUT, 2], 4) })
    await writeFile(path, damage(await readFile(path)))
    await expect(run('MatMul', [{ path, weight: 1 }])).rejects.toMatchObject({ code: 'model_unreadable' })
  })
})
