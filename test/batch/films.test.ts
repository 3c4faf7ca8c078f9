import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { makeFolder, sentencesOf, tryBatch } from './batch-harness.ts'

it('writes a film as an animated WebP', async () => {
  const folder = makeFolder()
  const { events } = await tryBatch({ rows: ['a fox'], folder, settings: { numFrames: 5, outputFormat: 'webp' } })
  const film = await sharp(readFileSync(join(folder, '000000.webp')), { animated: true }).metadata()
  expect(film.pages).toBe(5)
  expect(sentencesOf(events, 'warning').filter((sentence) => sentence.includes('film'))).toEqual([])
})

it('keeps the first frame of a film where the format holds no more, and says so', async () => {
  const folder = makeFolder()
  const { events } = await tryBatch({ rows: ['a fox'], folder, settings: { numFrames: 5, outputFormat: 'png' } })
  expect((await sharp(readFileSync(join(folder, '000000.png'))).metadata()).pages ?? 1).toBe(1)
  expect(sentencesOf(events, 'warning')).toContainEqual(expect.stringContaining('first of 5 frames is kept in png'))
})
