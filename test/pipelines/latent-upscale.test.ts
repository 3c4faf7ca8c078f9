import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { encodePicture } from '../../src/images/encode-picture.ts'
import { OnnxModel } from '../../src/onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../src/onnx-proto/onnx-node.ts'
import { OnnxTensor } from '../../src/onnx-proto/onnx-tensor.ts'
import { describeModel, openPipeline } from '../../src/pipelines/index.ts'
import { fixturePath } from '../support/fixtures.ts'
import { describeGoldens, idleContext } from '../support/golden-suite.ts'

const bytes = (data: Float32Array | BigInt64Array) => new Uint8Array(data.buffer)

/** A UNet that predicts what it sees in its further channels. */
function makeUnet(): OnnxModel {
  const model = OnnxModel.create()
  model.addInput({ name: 'sample', dtype: 'float32', dims: ['b', 7, 'h', 'w'] })
  model.addInput({ name: 'timestep', dtype: 'float32', dims: [] })
  model.addInput({ name: 'encoder_hidden_states', dtype: 'float32', dims: ['b', 's', 32] })
  model.addInput({ name: 'class_labels', dtype: 'int64', dims: ['b'] })
  model.addOutput({ name: 'out_sample', dtype: 'float32', dims: ['b', 4, 'h', 'w'] })
  model.setInitializer(OnnxTensor.create('channels', 'int64', [4], bytes(BigInt64Array.of(4n, 5n, 6n, 6n))))
  const attributes = { axis: 1 }
  model.nodes.push(
    OnnxNode.create({ name: 'see', opType: 'Gather', inputs: ['sample', 'channels'], outputs: ['out_sample'], attributes }),
  )
  return model
}

/** A decoder that shows three channels, four times larger. */
function makeDecoder(): OnnxModel {
  const model = OnnxModel.create()
  model.addInput({ name: 'latent_sample', dtype: 'float32', dims: ['b', 4, 'h', 'w'] })
  model.addOutput({ name: 'sample', dtype: 'float32', dims: ['b', 3, 'H', 'W'] })
  model.setInitializer(OnnxTensor.create('channels', 'int64', [3], bytes(BigInt64Array.of(0n, 1n, 2n))))
  model.setInitializer(OnnxTensor.create('scales', 'float32', [4], bytes(Float32Array.of(1, 1, 4, 4))))
  model.nodes.push(
    OnnxNode.create({
      name: 'pick',
      opType: 'Gather',
      inputs: ['latent_sample', 'channels'],
      outputs: ['colors'],
      attributes: { axis: 1 },
    }),
    OnnxNode.create({ name: 'enlarge', opType: 'Resize', inputs: ['colors', '', 'scales'], outputs: ['sample'] }),
  )
  return model
}

async function writeGraph(folder: string, model: OnnxModel, config: object): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'model.onnx'), model.encode())
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
}

describeGoldens({ model: 'upscaler-tiny', prefixes: ['upscaler-'], root: 'unet-goldens' })

describe('a latent upscaler', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'x4-'))
    for (const part of ['text_encoder', 'tokenizer', 'vae_encoder']) {
      await cp(fixturePath(`models/sd15-tiny/${part}`), join(folder, part), { recursive: true })
    }
    await writeGraph(join(folder, 'unet'), makeUnet(), { block_out_channels: [8], out_channels: 4 })
    await writeGraph(join(folder, 'vae_decoder'), makeDecoder(), { block_out_channels: [8, 8, 8], scaling_factor: 1 })
    await mkdir(join(folder, 'scheduler'))
    const scheduler = { _class_name: 'DDIMScheduler', prediction_type: 'sample', clip_sample: false, set_alpha_to_one: true }
    await writeFile(join(folder, 'scheduler', 'scheduler_config.json'), JSON.stringify(scheduler))
  })

  it('is known by its seven channels', async () => {
    expect(await describeModel(folder)).toMatchObject({ family: 'latent-upscale', capabilities: { generate: false, edit: true } })
  })

  it('shows the source to the denoiser, noised a little, and draws four times its size', async () => {
    const pixels = new Uint8Array(16 * 24 * 3).map((_, i) => (i % 3 === 0 ? 230 : 30))
    const source: RawPicture = { kind: 'raw', pixels, width: 24, height: 16, channels: 3 }
    const image = await encodePicture(source, { format: 'png' })
    await using pipeline = await openPipeline({ folder })
    const { images } = await pipeline.run(
      { prompt: 'a cat', numImages: 1, seeds: [1], numInferenceSteps: 3, guidanceScale: 1, edit: { images: [image] } },
      idleContext,
    )
    const picture = images[0]!.picture as RawPicture
    expect(picture).toMatchObject({ width: 96, height: 64 })
    const mean = (channel: number) =>
      picture.pixels.reduce((sum, value, i) => (i % 3 === channel ? sum + value : sum), 0) / (96 * 64)
    expect(mean(0)).toBeGreaterThan(215)
    expect(mean(1)).toBeLessThan(45)
    expect(new Set(picture.pixels).size).toBeGreaterThan(20)
  })
})
