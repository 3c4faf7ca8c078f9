import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { encodeFilm } from '../../src/images/encode-film.ts'
import { readRecipe } from '../../src/images/read-recipe.ts'

const [width, height] = [16, 8]

function frameOf(shade: number): RawPicture {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (shade + i) % 256)
  return { kind: 'raw', pixels, width, height, channels: 3 }
}

const FRAMES = [frameOf(0), frameOf(90), frameOf(180)]

describe('a film', () => {
  it('keeps every pixel of every frame, and its rate on the whole', async () => {
    const file = await encodeFilm(FRAMES, { framesPerSecond: 16 })
    const film = sharp(file, { animated: true }).removeAlpha()
    const { pages, pageHeight, delay, loop } = await film.metadata()
    expect([pages, pageHeight, loop]).toEqual([FRAMES.length, height, 0])
    expect(delay?.reduce((sum, part) => sum + part, 0)).toBe(188)
    expect([...(await film.raw().toBuffer())]).toEqual(FRAMES.flatMap(({ pixels }) => [...pixels]))
  })

  it('carries its recipe, and stays animated', async () => {
    const recipe = { prompt: 'a fox', width, height }
    const file = await encodeFilm(FRAMES, { framesPerSecond: 16, quality: 80, recipe })
    expect((await sharp(file, { animated: true }).metadata()).pages).toBe(FRAMES.length)
    expect(await readRecipe(file)).toMatchObject({ recipe: { prompt: 'a fox' } })
  })
})
