import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImageRequest } from '../../../src/contract/index.ts'
import { openPipeline, type Pipeline } from '../../../src/pipelines/index.ts'
import { fixturePath } from '../../support/fixtures.ts'
import { idleContext } from '../../support/golden-suite.ts'
import { readFloats } from '../../support/measure-deviation.ts'
import { readTransformerCases } from '../../support/transformer-goldens.ts'
import { madeUp, type TestTensor, writeSafetensors } from '../../support/write-safetensors.ts'

const HIDDEN = 32
const RANK = 2
const WEIGHT = 0.4
const TOLERANCE = 1e-5

/** A layer of the original code, and the layers of diffusers that share its rows, with how many each has. */
type Layer = readonly [original: string, inputs: number, parts: readonly (readonly [name: string, rows: number])[]]
type Tensors = Record<string, TestTensor>

const qkv = (block: string, names = ['to_q', 'to_k', 'to_v']) => names.map((name) => [`${block}.attn.${name}`, HIDDEN] as const)

/** What FLUX.1 and FLUX.2 have in common. */
const SHARED: readonly Layer[] = [
  ['double_blocks.0.img_attn.qkv', HIDDEN, qkv('transformer_blocks.0')],
  ['double_blocks.0.txt_attn.qkv', HIDDEN, qkv('transformer_blocks.0', ['add_q_proj', 'add_k_proj', 'add_v_proj'])],
  ['double_blocks.0.img_attn.proj', HIDDEN, [['transformer_blocks.0.attn.to_out.0', HIDDEN]]],
  ['double_blocks.0.txt_attn.proj', HIDDEN, [['transformer_blocks.0.attn.to_add_out', HIDDEN]]],
]

const FLUX_1: readonly Layer[] = [
  ...SHARED,
  ['double_blocks.0.img_mlp.0', HIDDEN, [['transformer_blocks.0.ff.net.0.proj', 128]]],
  ['double_blocks.0.img_mlp.2', 128, [['transformer_blocks.0.ff.net.2', HIDDEN]]],
  ['double_blocks.0.txt_mlp.0', HIDDEN, [['transformer_blocks.0.ff_context.net.0.proj', 128]]],
  ['double_blocks.0.txt_mlp.2', 128, [['transformer_blocks.0.ff_context.net.2', HIDDEN]]],
  ['double_blocks.0.img_mod.lin', HIDDEN, [['transformer_blocks.0.norm1.linear', 192]]],
  ['double_blocks.0.txt_mod.lin', HIDDEN, [['transformer_blocks.0.norm1_context.linear', 192]]],
  ['single_blocks.1.linear1', HIDDEN, [...qkv('single_transformer_blocks.1'), ['single_transformer_blocks.1.proj_mlp', 128]]],
  ['single_blocks.1.linear2', 160, [['single_transformer_blocks.1.proj_out', HIDDEN]]],
  ['single_blocks.1.modulation.lin', HIDDEN, [['single_transformer_blocks.1.norm.linear', 96]]],
  ['img_in', 64, [['x_embedder', HIDDEN]]],
  ['txt_in', 40, [['context_embedder', HIDDEN]]],
  ['time_in.in_layer', 256, [['time_text_embed.timestep_embedder.linear_1', HIDDEN]]],
  ['time_in.out_layer', HIDDEN, [['time_text_embed.timestep_embedder.linear_2', HIDDEN]]],
  ['guidance_in.in_layer', 256, [['time_text_embed.guidance_embedder.linear_1', HIDDEN]]],
  ['guidance_in.out_layer', HIDDEN, [['time_text_embed.guidance_embedder.linear_2', HIDDEN]]],
  ['vector_in.in_layer', 24, [['time_text_embed.text_embedder.linear_1', HIDDEN]]],
  ['vector_in.out_layer', HIDDEN, [['time_text_embed.text_embedder.linear_2', HIDDEN]]],
  ['final_layer.linear', HIDDEN, [['proj_out', 64]]],
]

const FLUX_2: readonly Layer[] = [
  ...SHARED,
  ['double_blocks.0.img_mlp.0', HIDDEN, [['transformer_blocks.0.ff.linear_in', 128]]],
  ['double_blocks.0.txt_mlp.2', 64, [['transformer_blocks.0.ff_context.linear_out', HIDDEN]]],
  ['single_blocks.1.linear1', HIDDEN, [['single_transformer_blocks.1.attn.to_qkv_mlp_proj', 224]]],
  ['single_blocks.1.linear2', 96, [['single_transformer_blocks.1.attn.to_out', HIDDEN]]],
  ['single_stream_modulation.lin', HIDDEN, [['single_stream_modulation.linear', 96]]],
  ['time_in.in_layer', HIDDEN, [['time_guidance_embed.timestep_embedder.linear_1', HIDDEN]]],
]

/** The layers that XLabs' trainer changes, under its names. */
const XLABS: readonly Layer[] = [
  ['double_blocks.0.processor.qkv_lora1', HIDDEN, SHARED[0]![2]],
  ['double_blocks.0.processor.qkv_lora2', HIDDEN, SHARED[1]![2]],
  ['double_blocks.0.processor.proj_lora1', HIDDEN, SHARED[2]![2]],
  ['double_blocks.0.processor.proj_lora2', HIDDEN, SHARED[3]![2]],
  ['single_blocks.1.processor.qkv_lora', HIDDEN, qkv('single_transformer_blocks.1')],
  ['single_blocks.1.processor.proj_lora', 160, [['single_transformer_blocks.1.proj_out', HIDDEN]]],
]

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dg-flux-lora-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each([
  ['flux_dev', FLUX_1],
  ['flux2_klein', FLUX_2],
] as const)('a LoRA for %s in the names of the original code draws as under those of diffusers', (model, layers) => {
  it.each([
    ['kohya', kohya(layers)],
    ['ComfyUI and ai-toolkit', comfy(layers)],
  ])('in the form of %s', async (_, tensors) => {
    await expectSame(model, tensors, diffusers(layers))
  })
})

it('a LoRA of XLabs draws as under the names of diffusers', async () => {
  const tensors = inOriginalNames(XLABS, (name) => [`${name}.down.weight`, `${name}.up.weight`])
  await expectSame('flux_dev', tensors, diffusers(XLABS))
})

it('shift and scale of the last layer change places, as in diffusers', async () => {
  const [down, up] = [madeUp([RANK, HIDDEN], 1), madeUp([64, RANK], 2)]
  const swapped = { shape: up.shape, data: [...up.data.slice(HIDDEN * RANK), ...up.data.slice(0, HIDDEN * RANK)] }
  const name = 'diffusion_model.final_layer.adaLN_modulation.1'
  const tensors = { [`${name}.lora_A.weight`]: down, [`${name}.lora_B.weight`]: up }
  await expectSame('flux_dev', tensors, inDiffusers('norm_out.linear', down, swapped))
})

it('layers that were trained apart and fused in a file keep their own ranks and strength', async () => {
  const parts = qkv('transformer_blocks.0').map(([name], index) => ({
    name,
    down: madeUp([1, HIDDEN], index),
    up: madeUp([HIDDEN, 1], 10 + index),
  }))
  const fused = new Float32Array(3 * HIDDEN * 3)
  for (const [index, { up }] of parts.entries()) {
    for (let row = 0; row < HIDDEN; row++) fused[(index * HIDDEN + row) * 3 + index] = up.data[row]!
  }
  const name = 'lora_unet_double_blocks_0_img_attn_qkv'
  const tensors = {
    [`${name}.lora_down.weight`]: { shape: [3, HIDDEN], data: parts.flatMap(({ down }) => [...down.data]) },
    [`${name}.lora_up.weight`]: { shape: [3 * HIDDEN, 3], data: fused },
    [`${name}.alpha`]: { shape: [], data: [1.5] },
  }
  const apart = parts.map((part) => inDiffusers(part.name, part.down, scaled(part.up, 0.5)))
  await expectSame('flux_dev', tensors, Object.assign({}, ...apart))
})

it.each(['lora_te3_', 'text_encoders.t5xxl.transformer.'])('%s stands for T5, the second encoder of FLUX', async (prefix) => {
  const [down, up] = [madeUp([RANK, 40], 1), scaled(madeUp([40, RANK], 2), 20)]
  const path = 'encoder.block.0.layer.0.SelfAttention.v'
  const name = prefix + (prefix.endsWith('_') ? path.replaceAll('.', '_') : path)
  const expected = { [`text_encoder_2.${path}.lora_A.weight`]: down, [`text_encoder_2.${path}.lora_B.weight`]: up }
  await expectSame('flux_dev', { [`${name}.lora_down.weight`]: down, [`${name}.lora_up.weight`]: up }, expected)
})

it('a file of which only a part belongs to the model says how much', async () => {
  await using pipeline = await open('flux_dev')
  const missing = FLUX_1[0]![0].replace('blocks.0', 'blocks.7')
  const foreign = kohya([[missing, HIDDEN, FLUX_1[0]![2]]])
  const { warnings } = await draw(pipeline, 'flux_dev', { ...kohya([FLUX_1[0]!]), ...foreign })
  expect(warnings.map(({ detail }) => detail)).toEqual([expect.stringContaining('1 of 2 modules')])
})

it('a fused LoRA that is no product of two matrices is refused, and the reason named', async () => {
  await using pipeline = await open('flux_dev')
  const name = 'lora_unet_double_blocks_0_img_attn_qkv'
  const tensors = { [`${name}.lokr_w1`]: madeUp([6, 4], 1), [`${name}.lokr_w2`]: madeUp([16, 8], 2) }
  await expect(draw(pipeline, 'flux_dev', tensors)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining('double_blocks_0_img_attn_qkv'),
  })
})

/** Draws with both files, and without any, in one pipeline. */
async function expectSame(model: string, tensors: Tensors, expected: Tensors): Promise<void> {
  await using pipeline = await open(model)
  const [plain, drawn, golden] = [
    await draw(pipeline, model, undefined),
    await draw(pipeline, model, tensors),
    await draw(pipeline, model, expected),
  ]
  expect([drawn.warnings, golden.warnings]).toEqual([[], []])
  expect(distance(golden.latents, plain.latents)).toBeGreaterThan(100 * TOLERANCE)
  expect(distance(golden.latents, drawn.latents)).toBeLessThan(TOLERANCE)
}

function open(model: string): Promise<Pipeline> {
  return openPipeline({ folder: fixturePath(`dit/${model}/model`) })
}

let files = 0
async function draw(pipeline: Pipeline, model: string, tensors: Tensors | undefined) {
  const { request } = readTransformerCases(model).find(({ name }) => name === 't2i')!
  const path = join(folder, `${files++}.safetensors`)
  const loras = tensors && [{ path: await writeSafetensors(path, tensors), weight: WEIGHT }]
  const changed: ImageRequest = { ...request, diffusion: { ...request.diffusion, saveLatents: true, loras } }
  const { images, warnings } = await pipeline.run(changed, idleContext)
  return { latents: readFloats(images[0]!.latents!), warnings }
}

/** The greatest difference, as a share of the largest value. */
function distance(left: Float32Array, right: Float32Array): number {
  const difference = Math.max(...left.map((value, index) => Math.abs(value - right[index]!)))
  return difference / Math.max(1, ...left.map(Math.abs))
}

/** Alpha is half the rank. */
function kohya(layers: readonly Layer[]): Tensors {
  const names = (name: string) => `lora_unet_${name.replaceAll('.', '_')}`
  const alphas = layers.map(([name]) => [`${names(name)}.alpha`, { shape: [], data: [RANK / 2] }])
  return {
    ...inOriginalNames(layers, (name) => [`${names(name)}.lora_down.weight`, `${names(name)}.lora_up.weight`], 1),
    ...(Object.fromEntries(alphas) as Tensors),
  }
}

function comfy(layers: readonly Layer[]): Tensors {
  return inOriginalNames(layers, (name) => [`diffusion_model.${name}.lora_A.weight`, `diffusion_model.${name}.lora_B.weight`])
}

function inOriginalNames(layers: readonly Layer[], names: (layer: string) => readonly [string, string], strength = 0.5): Tensors {
  return Object.fromEntries(
    layers.flatMap((layer, seed) => {
      const { down, up } = matrices(layer, seed)
      const [downName, upName] = names(layer[0])
      return [[downName, down] as const, [upName, scaled(up, strength)] as const]
    }),
  )
}

/** The same updates, each layer by itself. */
function diffusers(layers: readonly Layer[]): Tensors {
  return Object.assign(
    {},
    ...layers.flatMap((layer, seed) => {
      const { down, up } = matrices(layer, seed)
      let start = 0
      return layer[2].map(([name, rows]) => {
        const data = up.data.slice(start * RANK, (start + rows) * RANK)
        start += rows
        return inDiffusers(name, down, scaled({ shape: [rows, RANK], data }, 0.5))
      })
    }),
  )
}

function inDiffusers(name: string, down: TestTensor, up: TestTensor): Tensors {
  return { [`transformer.${name}.lora_A.weight`]: down, [`transformer.${name}.lora_B.weight`]: up }
}

function matrices([, inputs, parts]: Layer, seed: number): { down: TestTensor; up: TestTensor } {
  const rows = parts.reduce((sum, [, count]) => sum + count, 0)
  return { down: madeUp([RANK, inputs], seed), up: madeUp([rows, RANK], 100 + seed) }
}

function scaled({ shape, data }: TestTensor, factor: number): TestTensor {
  return { shape, data: Array.from(data, (value) => value * factor) }
}
