import { expect, it } from 'vitest'
import { nearestBin } from '../../src/pipelines/families/aspect-bins.ts'

it.each([
  // Taken from diffusers' tables.
  [1024, '1024x1024', '1024x1024'],
  [1024, '1920x1080', '1344x768'],
  [512, '300x1200', '256x1024'],
  [256, '152x192', '224x288'],
  [2048, '1000x3870', '1024x3968'],
  [4096, '592x2184', '2048x7680'],
])('a model of %i pixels draws %s at %s', (side, asked, drawn) => {
  const [width, height] = asked.split('x').map(Number) as [number, number]
  const size = nearestBin({ width, height }, side)
  expect(`${size?.width}x${size?.height}`).toBe(drawn)
})

it('knows no sizes for models of other sides', () => {
  expect(nearestBin({ width: 100, height: 100 }, 300)).toBeUndefined()
})
