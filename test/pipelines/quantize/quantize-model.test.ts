import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DiffusionOptions } from '../../../src/contract/index.ts'
import { OnnxModel } from '../../../src/onnx-proto/onnx-model.ts'
import { openPipeline } from '../../../src/pipelines/index.ts'
import { quantizeModel } from '../../../src/pipelines/quantize/quantize-model.ts'
import { BLOCK, encodeInt4, encodeInt8 } from '../../../src/pipelines/quantize/weight-codes.ts'
import { fixturePath } from '../../support/fixtures.ts'
import { madeUp } from '../../support/write-safetensors.ts'

const FOLDER = fixturePath('models/sd15-tiny')

let work: string
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'dg-quantize-'))
})
afterEach(() => rm(work, { recursive: true, force: true }))

async function drawLatents(folder: string, diffusion: DiffusionOptions = {}): Promise<Float32Array> {
  await using pipeline = await openPipeline({ folder })
  const { images } = await pipeline.run(
    {
      prompt: 'a fox',
      numImages: 1,
      seeds: [1],
      numInferenceSteps: 2,
      guidanceScale: 3,
      diffusion: { ...diffusion, saveLatents: true },
    },
    { signal: new AbortController().signal },
  )
  const bytes = images[0]!.latents!
  return new Float32Array(bytes.slice(bytes.length - 4 * 4 * 8 * 8).buffer)
}

function cosine(one: Float32Array, other: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other))
}

describe('weights in few bits', () => {
  const rows = 40
  const columns = 3
  const data = Float32Array.from(madeUp([rows, columns], 5).data)

  it('miss by half a step at most as bytes', () => {
    const { codes, scales } = encodeInt8({ data, rows, columns })
    for (const [index, value] of data.entries()) {
      const scale = scales[index % columns]!
      expect(Math.abs(codes[index]! * scale - value)).toBeLessThanOrEqual(scale * 0.5001)
    }
  })

  it('miss by a step at most as four bits, and a short last block is filled up', () => {
    const { codes, scales } = encodeInt4({ data, rows, columns })
    expect(codes).toHaveLength((columns * 2 * BLOCK) / 2)
    for (const [index, value] of data.entries()) {
      const [row, column] = [Math.floor(index / columns), index % columns]
      const at = column * 2 + Math.floor(row / BLOCK)
      const byte = codes[at * 16 + Math.floor((row % BLOCK) / 2)]!
      const code = row % 2 === 0 ? byte & 15 : byte >> 4
      expect(Math.abs((code - 8) * scales[at]! - value)).toBeLessThanOrEqual(Math.abs(scales[at]!) * 1.0001)
    }
  })
})

describe.each(['int8-matmul', 'int4-weights'] as const)('a model quantized to %s', (kind) => {
  it('is a whole folder that draws nearly the same, also with a LoRA', async () => {
    const target = join(work, 'copy')
    const components = await quantizeModel({ folder: FOLDER, target, kind })
    expect(components.map(({ name }) => name).sort()).toEqual(['text_encoder', 'unet'])
    for (const { quantized, bytesBefore, bytesAfter, cosine: likeness } of components) {
      expect(quantized).toBeGreaterThan(0)
      expect(bytesAfter).toBeLessThan(bytesBefore)
      expect(likeness).toBeGreaterThan(0.97)
    }
    expect((await readdir(target)).sort()).toEqual((await readdir(FOLDER)).sort())
    expect(cosine(await drawLatents(FOLDER), await drawLatents(target))).toBeGreaterThan(0.9)
    const loras = [{ path: fixturePath('lora/sd15-peft.safetensors'), weight: 1 }]
    const [plain, quantized] = [await drawLatents(FOLDER, { loras }), await drawLatents(target, { loras })]
    expect(cosine(plain, quantized)).toBeGreaterThan(0.9)
  })

  it('keeps the time embedding, convolutions and the VAE as they are', async () => {
    const target = join(work, 'copy')
    await quantizeModel({ folder: FOLDER, target, kind })
    const [before, after] = await Promise.all([FOLDER, target].map((folder) => OnnxModel.read(join(folder, 'unet/model.onnx'))))
    const count = (model: OnnxModel, type: string) => model.nodes.filter(({ opType }) => opType === type).length
    for (const type of ['Gemm', 'Conv']) expect(count(after!, type)).toBe(count(before!, type))
    expect((await OnnxModel.read(join(target, 'vae_decoder/model.onnx'))).opsets.has('com.microsoft')).toBe(false)
  })
})

it('never writes into a folder that is in use', async () => {
  await writeFile(join(work, 'notes.txt'), 'mine')
  await expect(quantizeModel({ folder: FOLDER, target: work, kind: 'int4-weights' })).rejects.toMatchObject({
    code: 'invalid_configuration',
  })
})
