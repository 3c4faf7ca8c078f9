import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { fixturePath } from './fixtures.ts'

it('unpacks the model folders', () => {
  expect(existsSync(fixturePath('models/sd15-tiny/unet/model.onnx'))).toBe(true)
})
