import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { toGray } from '../../src/images/convert-channels.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { type ResizeFilter, resizePicture } from '../../src/images/resize-picture.ts'
import { fixturePath } from '../support/fixtures.ts'

interface ResizeCase {
  input: string
  width: number
  height: number
  filter: ResizeFilter
  mode: 'RGB' | 'L'
  output: string
}

async function open(name: string, mode: 'RGB' | 'L'): Promise<RawPicture> {
  const { picture } = await decodePicture(readFileSync(fixturePath(`images/${name}`)))
  return mode === 'L' ? toGray(picture) : picture
}

describe('resizePicture', () => {
  const cases: ResizeCase[] = JSON.parse(readFileSync(fixturePath('images/resize.json'), 'utf8'))
  const byFilter = new Map<ResizeFilter, ResizeCase[]>()
  for (const item of cases) byFilter.set(item.filter, [...(byFilter.get(item.filter) ?? []), item])

  it.each([...byFilter])('gives the very pixels of Pillow 13 with %s', async (_, items) => {
    for (const { input, width, height, filter, mode, output } of items) {
      const resized = resizePicture(await open(input, mode), { width, height }, filter)
      const expected = await open(output, mode)
      expect({ output, pixels: Buffer.from(resized.pixels).equals(expected.pixels) }).toEqual({ output, pixels: true })
    }
  })

  it('weighs colors by their alpha, so that hidden colors do not bleed out', () => {
    const pixels = Uint8Array.from([255, 255, 255, 255, 0, 200, 0, 0])
    const picture: RawPicture = { kind: 'raw', pixels, width: 2, height: 1, channels: 4 }
    expect([...resizePicture(picture, { width: 1, height: 1 }, 'box').pixels]).toEqual([255, 255, 255, 128])
  })

  it('gives back a picture that has the size already', async () => {
    const picture = await open('inputs/a-64x64.png', 'RGB')
    expect(resizePicture(picture, { width: 64, height: 64 }, 'lanczos')).toBe(picture)
  })
})
