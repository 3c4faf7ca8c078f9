import { expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { LatentPreview } from '../../src/pipelines/latent-preview.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

const SIDE = 8

/** Latents of four channels, and a picture twice as large whose colors depend on them linearly. */
function makePair(seed: number): { latents: Tensor; picture: Tensor } {
  const plane = SIDE * SIDE
  const latents = Float32Array.from(
    { length: 4 * plane },
    (_, i) => 3 * (Math.abs(Math.sin(i * 12.9898 + seed) * 43758.5453) % 1) - 1.5,
  )
  const picture = new Float32Array(3 * 4 * plane)
  for (let color = 0; color < 3; color++) {
    for (let y = 0; y < 2 * SIDE; y++) {
      for (let x = 0; x < 2 * SIDE; x++) {
        const at = Math.floor(y / 2) * SIDE + Math.floor(x / 2)
        picture[(color * 2 * SIDE + y) * 2 * SIDE + x] =
          0.3 * latents[color * plane + at]! - 0.1 * latents[3 * plane + at]! + 0.05
      }
    }
  }
  return { latents: { data: latents, shape: [1, 4, SIDE, SIDE] }, picture: { data: picture, shape: [1, 3, 2 * SIDE, 2 * SIDE] } }
}

it('shows latents in the colors that it learned from other pictures', () => {
  const preview = new LatentPreview()
  for (const seed of [1, 2]) {
    const { latents, picture } = makePair(seed)
    preview.learn(latents, picture)
  }
  const { latents, picture } = makePair(3)
  const shown: RawPicture = preview.render(latents)
  expect(shown).toMatchObject({ width: SIDE, height: SIDE, channels: 3 })
  for (let at = 0; at < SIDE * SIDE; at++) {
    const source = 2 * Math.floor(at / SIDE) * 2 * SIDE + 2 * (at % SIDE)
    const expected = Math.min(255, Math.max(0, (picture.data[source]! / 2 + 0.5) * 255))
    expect(Math.abs(shown.pixels[at * 3]! - expected)).toBeLessThan(2)
  }
})
