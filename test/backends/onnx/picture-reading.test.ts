import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openOnnxBackend } from '../../../dist/backends/onnx/onnx-backend.js'
import { SHARED_SETTINGS, withDefaults } from '../../../src/config/settings.ts'
import { fixturePath } from '../../support/fixtures.ts'
import { idleContext } from '../../support/golden-suite.ts'
import { readNpy } from '../../support/read-npy.ts'

function open(model: string) {
  const cacheDir = mkdtempSync(join(tmpdir(), 'diffgentor-reading-'))
  onTestFinished(() => rmSync(cacheDir, { recursive: true }))
  return openOnnxBackend(withDefaults(SHARED_SETTINGS, { cacheDir, modelName: fixturePath(model), numWorkers: 1 }))
}

const CASE = fixturePath('dit/unidiffuser/cases/img2prompt')

it('describes and embeds pictures with a UniDiffuser model', async () => {
  await using backend = await open('dit/unidiffuser/model')
  const image = readFileSync(join(CASE, 'input_image.png'))
  const { seed, params, text } = JSON.parse(readFileSync(join(CASE, 'case.json'), 'utf8'))
  const request = { image, seed, numInferenceSteps: params.num_inference_steps, guidanceScale: params.guidance_scale }
  expect(await backend.describePicture!(request, idleContext)).toBe(text[0])
  const { clip, latents, latentShape } = await backend.embedPicture!(image, idleContext)
  const golden = readNpy(join(CASE, 'clip_image_embeds.npy')).values
  expect(golden.every((value, i) => Math.abs(value - clip[i]!) < 1e-4)).toBe(true)
  expect(latents.length).toBe(latentShape.reduce((product, size) => product * size, 1))
})

it('offers neither with other models', async () => {
  await using backend = await open('models/sd15-tiny')
  expect(backend.describePicture).toBeUndefined()
  expect(backend.embedPicture).toBeUndefined()
})
