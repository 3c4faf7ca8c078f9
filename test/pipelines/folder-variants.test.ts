import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openPipeline } from '../../src/pipelines/index.ts'
import { expectWithin, FLOAT16_TOLERANCE, FLOAT32_TOLERANCE, measureDeviation } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readGolden, readGoldenCases } from '../support/golden-cases.ts'
import { idleContext } from '../support/golden-suite.ts'
import { readNpy } from '../support/read-npy.ts'

/** Draws a recorded case from another form of its model. */
async function drawFrom(folder: string, name: string) {
  const golden = readGoldenCases([name]).find((candidate) => candidate.name === name)!
  await using pipeline = await openPipeline({ folder })
  // Folders without configurations do not tell that their model is tiny.
  const [, height = 0, width = 0] = readGolden(golden, 'image').shape
  const { images, warnings } = await pipeline.run({ ...golden.request, size: { width, height } }, idleContext)
  return { golden, image: images[0]!, warnings }
}

async function expectGolden(folder: string, name: string): Promise<void> {
  const { golden, image } = await drawFrom(folder, name)
  expectWithin(measureDeviation(image, 0, readGolden(golden, 'latents'), readGolden(golden, 'image')), FLOAT32_TOLERANCE)
}

async function copyModel(name: string): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), 'model-')), name)
  await cp(fixturePath(`models/${name}`), folder, { recursive: true })
  return folder
}

describe('a folder that is not as optimum writes it', () => {
  it.each([
    { form: 'weights in files beside the graphs', model: 'sd15-tiny-external', name: 'sd15-t2i' },
    { form: 'int32 ids, an int64 time and no component configurations', model: 'sd15-tiny-old', name: 'sd15-t2i' },
    { form: 'fixed shapes', model: 'sd15-tiny-fixed', name: 'sd15-t2i-64x96-neg' },
  ])('draws the same with $form', async ({ model, name }) => {
    await expectGolden(fixturePath(`models/${model}`), name)
  })

  it('draws the same without an index and scheduler configuration, and says what it takes instead', async () => {
    const folder = await copyModel('sd15-tiny')
    await rm(join(folder, 'model_index.json'))
    await rm(join(folder, 'scheduler'), { recursive: true })
    const { golden, image, warnings } = await drawFrom(folder, 'sd15-t2i')
    expectWithin(measureDeviation(image, 0, readGolden(golden, 'latents')), FLOAT32_TOLERANCE)
    expect(warnings).toContainEqual(expect.objectContaining({ field: 'scheduler', detail: expect.stringContaining('PNDM') }))
  })

  it('warns of an encoder that draws at random', async () => {
    const { warnings } = await drawFrom(fixturePath('models/sd15-tiny-old'), 'sd15-i2i-euler')
    expect(warnings).toContainEqual(expect.objectContaining({ field: 'seed', detail: expect.stringContaining('run to run') }))
  })

  it('draws the same with flat files one folder down', async () => {
    const folder = await copyModel('sd15-tiny')
    for (const name of ['text_encoder', 'unet', 'vae_decoder', 'vae_encoder']) {
      await rename(join(folder, name, 'model.onnx'), join(folder, `${name}.onnx`))
    }
    await expectGolden(join(folder, '..'), 'sd15-t2i-euler')
  })
})

describe('half-precision graphs', () => {
  it.each([
    { model: 'sd15-tiny-fp16', name: 'sd15-t2i' },
    { model: 'sd15-tiny-fp16', name: 'sd15-t2i-euler' },
    { model: 'sd15-tiny-fp16', name: 'sd15-i2i-s0.5' },
    { model: 'sd15-tiny-fp16-io32', name: 'sd15-t2i' },
  ])('$model draws $name as the same graphs do under diffusers', async ({ model, name }) => {
    const { image } = await drawFrom(fixturePath(`models/${model}`), name)
    const folder = fixturePath(`goldens-variants/${model}--${name}`)
    expectWithin(
      measureDeviation(image, 0, readNpy(join(folder, 'latents.npy')), readNpy(join(folder, 'image.npy'))),
      FLOAT16_TOLERANCE,
    )
  })
})

describe('a ControlNet fused into the UNet', () => {
  it('draws as the separate graphs do', async () => {
    const folder = await copyModel('sd15-tiny')
    await rm(join(folder, 'unet'), { recursive: true })
    await cp(fixturePath('models/controlnet-fused-tiny/unet'), join(folder, 'unet'), { recursive: true })
    await expectGolden(folder, 'controlnet-s1')
  })
})

describe('a folder that cannot be used', () => {
  it.each([
    ['a missing folder', async () => '/nonexistent/model', /no model folder/],
    [
      'PyTorch weights only',
      async () => {
        const folder = await copyModel('taesd-tiny')
        for (const name of ['vae_decoder', 'vae_encoder']) {
          await rename(join(folder, name, 'model.onnx'), join(folder, name, 'model.safetensors'))
        }
        return folder
      },
      /PyTorch weights.*optimum-cli export onnx/,
    ],
    [
      'a missing component',
      async () => {
        const folder = await copyModel('sd15-tiny')
        await rm(join(folder, 'vae_decoder'), { recursive: true })
        return folder
      },
      /lacks the component vae_decoder/,
    ],
    [
      'a torn graph',
      async () => {
        const folder = await copyModel('sd15-tiny')
        const graph = join(folder, 'unet', 'model.onnx')
        await writeFile(graph, (await readFile(graph)).subarray(0, 5000))
        return folder
      },
      /unet.*model\.onnx/,
    ],
    [
      'missing weights',
      async () => {
        const folder = await copyModel('sd15-tiny-external')
        await rm(join(folder, 'unet', 'model.onnx_data'))
        return folder
      },
      /model\.onnx_data/,
    ],
  ] as [string, () => Promise<string>, RegExp][])('is refused in one sentence: %s', async (_what, make, message) => {
    await expect(openPipeline({ folder: await make() })).rejects.toThrow(message)
  })
})
