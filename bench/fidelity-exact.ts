import { readFileSync } from 'node:fs'
import { resizePicture } from '../src/images/resize-picture.ts'
import { createNoiseSource } from '../src/noise/noise-source.ts'
import { loadTokenizer } from '../src/tokenizers/index.ts'
import { fixturePath } from '../test/support/fixtures.ts'
import { openResizePicture, readResizeCases } from '../test/support/resize-cases.ts'

interface Tally {
  what: string
  equal: number
  of: number
}

const readJson = (name: string) => JSON.parse(readFileSync(fixturePath(name), 'utf8'))

/** What must be equal to the bit, as counts. */
export async function writeExact(): Promise<string> {
  const tallies = [countNoise(), await countResizes(), await countPrompts()]
  const rows = tallies.map(({ what, equal, of }) => `| ${what} | ${equal} of ${of} |`)
  return `## Equal to the bit\n\n| what | equal |\n| --- | --- |\n${rows.join('\n')}\n`
}

function countNoise(): Tally {
  const lengths: Record<string, Record<string, number[]>> = readJson('rng/torch.json').lengths
  const verdicts = Object.entries(lengths).flatMap(([seed, byLength]) =>
    Object.entries(byLength).map(([length, values]) => {
      const { data } = createNoiseSource({ source: 'torch-cpu', seed: BigInt(seed), dtype: 'float32' }).normal([Number(length)])
      return data.every((value, index) => value === Math.fround(values[index]!))
    }),
  )
  return tally("draws of torch's generator, of 1 to 40 values", verdicts)
}

async function countResizes(): Promise<Tally> {
  const verdicts = readResizeCases().map(async (item) => {
    const resized = resizePicture(await openResizePicture(item.input, item.mode), item, item.filter)
    const expected = await openResizePicture(item.output, item.mode)
    return Buffer.from(resized.pixels).equals(expected.pixels)
  })
  return tally("resized pictures against Pillow 13's", await Promise.all(verdicts))
}

async function countPrompts(): Promise<Tally> {
  const tokenizer = await loadTokenizer(fixturePath('models/sd15-tiny/tokenizer'))
  const cases: { text: string; ids: number[] }[] = readJson('tokenizers/clip-tiny.json')
  const verdicts = cases.map(({ text, ids }) => {
    const got = tokenizer.encode(text).ids
    return ids.every((id, index) => got[index] === id)
  })
  return tally('prompts as ids of CLIP', verdicts)
}

function tally(what: string, verdicts: readonly boolean[]): Tally {
  return { what, equal: verdicts.filter(Boolean).length, of: verdicts.length }
}
