import { describe, expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { type ResizeFilter, resizePicture } from '../../src/images/resize-picture.ts'
import { openResizePicture, type ResizeCase, readResizeCases } from '../support/resize-cases.ts'

describe('resizePicture', () => {
  const byFilter = new Map<ResizeFilter, ResizeCase[]>()
  for (const item of readResizeCases()) byFilter.set(item.filter, [...(byFilter.get(item.filter) ?? []), item])

  it.each([...byFilter])('gives the very pixels of Pillow 13 with %s', async (_, items) => {
    for (const { input, width, height, filter, mode, output } of items) {
      const resized = resizePicture(await openResizePicture(input, mode), { width, height }, filter)
      const expected = await openResizePicture(output, mode)
      expect({ output, pixels: Buffer.from(resized.pixels).equals(expected.pixels) }).toEqual({ output, pixels: true })
    }
  })

  it('weighs colors by their alpha, so that hidden colors do not bleed out', () => {
    const pixels = Uint8Array.from([255, 255, 255, 255, 0, 200, 0, 0])
    const picture: RawPicture = { kind: 'raw', pixels, width: 2, height: 1, channels: 4 }
    expect([...resizePicture(picture, { width: 1, height: 1 }, 'box').pixels]).toEqual([255, 255, 255, 128])
  })

  it('gives back a picture that has the size already', async () => {
    const picture = await openResizePicture('inputs/a-64x64.png', 'RGB')
    expect(resizePicture(picture, { width: 64, height: 64 }, 'lanczos')).toBe(picture)
  })
})
