import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { openPipeline } from '../../src/pipelines/index.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'
import { writeNearestUpscaler } from '../support/nearest-upscaler.ts'

const request = { prompt: 'a cat', numImages: 1, seeds: [3], numInferenceSteps: 2, size: { width: 96, height: 64 } }

function repeatPixels(picture: RawPicture, factor: number): RawPicture {
  const { width, height, channels } = picture
  const pixels = new Uint8Array(picture.pixels.length * factor * factor)
  for (let y = 0; y < height * factor; y++) {
    for (let x = 0; x < width * factor; x++) {
      const from = (Math.floor(y / factor) * width + Math.floor(x / factor)) * channels
      pixels.set(picture.pixels.subarray(from, from + channels), (y * width * factor + x) * channels)
    }
  }
  return { ...picture, width: width * factor, height: height * factor, pixels }
}

it.each([
  { tiles: 'at once', factor: 2, side: undefined },
  { tiles: 'in fixed tiles that overlap', factor: 4, side: 48 },
  { tiles: 'in a fixed tile that is larger than the picture', factor: 2, side: 128 },
])('enlarges the result $tiles', async ({ factor, side }) => {
  const upscale = join(await mkdtemp(join(tmpdir(), 'upscaler-')), 'nearest.onnx')
  await writeNearestUpscaler(upscale, factor, side)
  await using pipeline = await openPipeline({ folder: fixturePath('models/sd15-tiny') })
  const plain = await pipeline.run(request, idleContext)
  const enlarged = await pipeline.run({ ...request, diffusion: { upscale } }, idleContext)
  expect(enlarged.images[0]!.picture).toEqual(repeatPixels(plain.images[0]!.picture as RawPicture, factor))
  expect(enlarged.recipe.settings).toMatchObject({ upscale: 'nearest.onnx' })
})
