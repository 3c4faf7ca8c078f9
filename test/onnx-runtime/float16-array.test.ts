import { afterEach, beforeEach, expect, it } from 'vitest'
import { OnnxSession } from '../../src/onnx-runtime/index.ts'
import { fixturePath } from '../support/fixtures.ts'

/** Stands for the type that newer versions of the language have, and that the runtime's native part cannot read. */
class Float16Array extends Uint16Array {}

const scope = globalThis as { Float16Array?: unknown }
const own = scope.Float16Array

beforeEach(() => {
  Object.defineProperty(globalThis, 'Float16Array', { value: Float16Array, configurable: true, writable: true })
})
afterEach(() => {
  if (own === undefined) delete scope.Float16Array
  else scope.Float16Array = own
})

it('feeds half-precision graphs where the language has a Float16Array', async () => {
  await using session = await OnnxSession.open(fixturePath('models/sd15-tiny-fp16/vae_decoder/model.onnx'))
  const latents = { data: new Float32Array(4 * 4 * 4).fill(0.5), shape: [1, 4, 4, 4] }
  const { sample } = await session.run({ latent_sample: latents }, ['sample'])
  expect(sample!.shape).toEqual([1, 3, 32, 32])
  expect(sample!.data.some((value) => value !== 0)).toBe(true)
  expect(scope.Float16Array).toBe(Float16Array)
})
