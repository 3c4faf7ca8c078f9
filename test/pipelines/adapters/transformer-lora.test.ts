import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openPipeline } from '../../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE } from '../../support/compare-goldens.ts'
import { fixturePath } from '../../support/fixtures.ts'
import { idleContext } from '../../support/golden-suite.ts'
import { measureDeviation } from '../../support/measure-deviation.ts'
import { readNpy } from '../../support/read-npy.ts'
import { readTransformerCases } from '../../support/transformer-goldens.ts'
import { madeUp, writeSafetensors } from '../../support/write-safetensors.ts'

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

it('a LoRA changes the T5 encoder too, at its weight and for its own request only', async () => {
  const { request } = readTransformerCases('flux_dev').find((golden) => golden.name === 't2i')!
  const folder = await mkdtemp(join(tmpdir(), 'dg-t5-lora-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const module = 'text_encoder_2.encoder.block.0.layer.0.SelfAttention.v'
  const path = join(folder, 't5.safetensors')
  await writeSafetensors(path, {
    [`${module}.lora_A.weight`]: madeUp([2, 40], 1),
    [`${module}.lora_B.weight`]: madeUp([40, 2], 2),
  })
  await using pipeline = await openPipeline({ folder: fixturePath('dit/flux_dev/model') })
  const draw = async (weight: number | undefined) => {
    const loras = weight === undefined ? undefined : [{ path, weight }]
    const { images } = await pipeline.run(
      { ...request, diffusion: { ...request.diffusion, saveLatents: true, loras } },
      idleContext,
    )
    return Buffer.from(images[0]!.latents!).toString('base64')
  }
  const [plain, none, full, plainAgain] = [await draw(undefined), await draw(0), await draw(20), await draw(undefined)]
  expect(none).toBe(plain)
  expect(full).not.toBe(plain)
  expect(plainAgain).toBe(plain)
})
