import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openPipeline } from '../../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE } from '../../support/compare-goldens.ts'
import { fixturePath } from '../../support/fixtures.ts'
import { idleContext } from '../../support/golden-suite.ts'
import { measureDeviation } from '../../support/measure-deviation.ts'
import { readNpy } from '../../support/read-npy.ts'
import { readTransformerCases } from '../../support/transformer-goldens.ts'

const WEIGHT = 0.7

it.each([
  ['z_image', 'turbo'],
  ['qwen_image', 't2i'],
])('%s draws with a LoRA as diffusers does with its weights merged', async (model, name) => {
  const { request } = readTransformerCases(model).find((golden) => golden.name === name)!
  const folder = fixturePath(`dit/${model}/lora`)
  const { shape, values } = readNpy(join(folder, 'final_latents.npy'))
  const lora = { path: join(folder, 'lora.safetensors'), weight: WEIGHT }
  await using pipeline = await openPipeline({ folder: fixturePath(`dit/${model}/model`) })
  const changed = { ...request, diffusion: { ...request.diffusion, loras: [lora] } }
  const { images, warnings } = await pipeline.run(changed, idleContext)
  expect(warnings).toEqual([])
  expectWithin(measureDeviation(images[0]!, 0, { shape: [1, ...shape.slice(-3)], values }), FLOAT32_TOLERANCE)
})
