import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DiffusionOptions } from '../../../src/contract/index.ts'
import { OnnxModel } from '../../../src/onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../../src/onnx-proto/onnx-node.ts'
import { OnnxTensor } from '../../../src/onnx-proto/onnx-tensor.ts'
import { OnnxSession } from '../../../src/onnx-runtime/index.ts'
import { AdapterPlanner } from '../../../src/pipelines/adapters/adapter-planner.ts'
import { clipSkipOutput } from '../../../src/pipelines/adapters/clip-skip.ts'
import { writeSafetensors } from '../../support/write-safetensors.ts'

const VOCABULARY = 6
const END = 5
const WIDTH = 2

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dg-text-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

interface EncoderForm {
  ids?: 'int64' | 'int32'
  /** Whether node names tell module paths (TorchScript) or only the names of weights do (dynamo). */
  namedNodes?: boolean
}

/** A text encoder of three layers: layer i adds i + 1 to its state; the pooled output is the state at the greatest id. */
async function writeEncoder({ ids = 'int64', namedNodes = true }: EncoderForm = {}): Promise<string> {
  const model = OnnxModel.create()
  model.addInput({ name: 'input_ids', dtype: ids, dims: ['batch', 'tokens'] })
  model.addOutput({ name: 'last_hidden_state', dtype: 'float32', dims: ['batch', 'tokens', WIDTH] })
  model.addOutput({ name: 'pooled_position', dtype: 'int64', dims: ['batch'] })
  const store = (name: string, dims: number[], data: readonly number[]) =>
    model.setInitializer(OnnxTensor.create(name, 'float32', dims, new Uint8Array(Float32Array.from(data).buffer)))
  const add = (name: string, opType: string, inputs: string[], output: string, attributes = {}) =>
    model.nodes.push(
      OnnxNode.create({ name: namedNodes ? name : `node_${model.nodes.length}`, opType, inputs, outputs: [output], attributes }),
    )
  store(
    'text_model.embeddings.token_embedding.weight',
    [VOCABULARY, WIDTH],
    Array.from({ length: VOCABULARY * WIDTH }, (_, at) => at ** 2 / 10),
  )
  add(
    '/text_model/embeddings/token_embedding/Gather',
    'Gather',
    ['text_model.embeddings.token_embedding.weight', 'input_ids'],
    'state.0',
  )
  for (const layer of [0, 1, 2]) {
    const norm = `text_model.encoder.layers.${layer}.layer_norm1`
    for (const [part, value] of [
      ['weight', 1],
      ['bias', layer],
    ] as const)
      store(`${norm}.${part}`, [WIDTH], [value, value * 2])
    const scope = `/text_model/encoder/layers.${layer}`
    add(
      `${scope}/layer_norm1/LayerNormalization`,
      'LayerNormalization',
      [`state.${layer}`, `${norm}.weight`, `${norm}.bias`],
      `normed.${layer}`,
    )
    add(`${scope}/Add`, 'Add', [`state.${layer}`, `normed.${layer}`], `state.${layer + 1}`)
  }
  for (const [part, values] of [
    ['weight', [1, 3]],
    ['bias', [0.5, 0]],
  ] as const)
    store(`text_model.final_layer_norm.${part}`, [WIDTH], values)
  const final = ['state.3', 'text_model.final_layer_norm.weight', 'text_model.final_layer_norm.bias']
  add('/text_model/final_layer_norm/LayerNormalization', 'LayerNormalization', final, 'last_hidden_state')
  add('/text_model/Cast', 'Cast', ['input_ids'], 'cast_ids', { to: 6 })
  add('/text_model/ArgMax', 'ArgMax', ['cast_ids'], 'pooled_position', { axis: -1, keepdims: 0 })
  const file = join(folder, 'model.onnx')
  await writeFile(file, model.encode())
  return file
}

async function encode(
  file: string,
  wish: DiffusionOptions,
  ids: readonly number[],
  outputs: readonly string[],
): Promise<number[][]> {
  const plan = await new AdapterPlanner({ graphs: new Map([['text_encoder', file]]), fusesAttention: false }).plan(wish)
  const variant = plan.variants.get('text_encoder')
  await using session = await OnnxSession.open(variant ? await variant.build(file) : file)
  const results = await session.run({ input_ids: { data: ids, shape: [1, ids.length] }, ...variant?.feeds }, outputs)
  return outputs.map((name) => [...results[name]!.data])
}

function norm([a = 0, b = 0]: readonly number[], [weight, bias]: readonly [readonly number[], readonly number[]]): number[] {
  const mean = (a + b) / 2
  const deviation = Math.sqrt(((a - mean) ** 2 + (b - mean) ** 2) / 2 + 1e-5)
  return [a, b].map((value, index) => ((value - mean) / deviation) * weight[index]! + bias[index]!)
}

/** What the encoder above computes with its first `layers` layers and the final norm. */
function expectState(token: readonly number[], layers: number): number[] {
  let state = [...token]
  for (let layer = 0; layer < layers; layer++) {
    const normed = norm(state, [
      [1, 2],
      [layer, layer * 2],
    ])
    state = state.map((value, index) => value + normed[index]!)
  }
  return norm(state, [
    [1, 3],
    [0.5, 0],
  ])
}

const rowOf = (id: number) => [(2 * id) ** 2 / 10, (2 * id + 1) ** 2 / 10]

describe('clip skip', () => {
  it.each([true, false])(
    'gives the normed state before the layers left out (module paths in node names: %s)',
    async (namedNodes) => {
      const file = await writeEncoder({ namedNodes })
      const [last, one, two] = await encode(
        file,
        { clipSkip: 1 },
        [3],
        ['last_hidden_state', clipSkipOutput(1), clipSkipOutput(2)],
      )
      for (const [index, state] of [last, one, two].entries()) {
        const wanted = expectState(rowOf(3), 3 - index)
        for (const [axis, value] of state!.entries()) expect(value).toBeCloseTo(wanted[axis]!, 3)
      }
    },
  )
})

describe('learned tokens', () => {
  it.each(['int64', 'int32'] as const)('are looked up beyond the table for %s ids', async (ids) => {
    const file = await writeEncoder({ ids })
    const path = await writeSafetensors(join(folder, 'token.safetensors'), { '<a>': { shape: [WIDTH], data: [7, -3] } })
    const [states] = await encode(file, { embeddings: [{ path }] }, [1, VOCABULARY, 4], ['last_hidden_state'])
    const wanted = [rowOf(1), [7, -3], rowOf(4)].flatMap((token) => expectState(token, 3))
    for (const [index, value] of states!.entries()) expect(value).toBeCloseTo(wanted[index]!, 3)
  })

  it('do not draw the pooled output to themselves', async () => {
    const file = await writeEncoder()
    const path = await writeSafetensors(join(folder, 'token.safetensors'), { '<a>': { shape: [WIDTH], data: [7, -3] } })
    const [position] = await encode(file, { embeddings: [{ path }] }, [1, VOCABULARY, END, 0], ['pooled_position'])
    expect(position).toEqual([2])
  })

  it('stand for all their vectors wherever they are written', async () => {
    const file = await writeEncoder()
    const path = await writeSafetensors(join(folder, 'token.safetensors'), {
      emb_params: { shape: [3, WIDTH], data: [1, 2, 3, 4, 5, 6] },
    })
    const planner = new AdapterPlanner({ graphs: new Map([['text_encoder', file]]), fusesAttention: false })
    const plan = await planner.plan({ embeddings: [{ path, token: 'my.style' }] })
    expect(plan.expandPrompt('a house, My.Style, myXstyle')).toBe('a house, my.style my.style_1 my.style_2, myXstyle')
    expect(plan.extraTokens.get('text_encoder')).toEqual([
      { token: 'my.style', id: 6 },
      { token: 'my.style_1', id: 7 },
      { token: 'my.style_2', id: 8 },
    ])
  })

  it('mean the longer of two words that begin alike', async () => {
    const file = await writeEncoder()
    const write = (name: string, count: number) =>
      writeSafetensors(join(folder, `${name}.safetensors`), {
        [name]: { shape: [count, WIDTH], data: new Array<number>(count * WIDTH).fill(1) },
      })
    const [short, long] = [await write('cat', 2), await write('cathedral', 1)]
    const planner = new AdapterPlanner({ graphs: new Map([['text_encoder', file]]), fusesAttention: false })
    const plan = await planner.plan({ embeddings: [{ path: short }, { path: long }] })
    expect(plan.expandPrompt('cat, cathedral')).toBe('cat cat_1, cathedral')
  })

  it('of another width are refused with both widths', async () => {
    const path = await writeSafetensors(join(folder, 'token.safetensors'), { '<a>': { shape: [3], data: [1, 2, 3] } })
    await expect(encode(await writeEncoder(), { embeddings: [{ path }] }, [1], [])).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/3 values.*uses 2/),
    })
  })

  it('without a name are refused', async () => {
    const path = await writeSafetensors(join(folder, 'token.safetensors'), { emb_params: { shape: [1, WIDTH], data: [1, 2] } })
    await expect(encode(await writeEncoder(), { embeddings: [{ path }] }, [1], [])).rejects.toThrow(/does not name its token/)
  })

  it('are refused when the file is something else', async () => {
    const path = await writeSafetensors(join(folder, 'token.safetensors'), {
      'a.lora_A.weight': { shape: [1, 1], data: [1] },
      'a.lora_B.weight': { shape: [1, 1], data: [1] },
    })
    await expect(encode(await writeEncoder(), { embeddings: [{ path }] }, [1], [])).rejects.toThrow(/no textual inversion/)
  })
})
