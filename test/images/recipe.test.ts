import { crc32, deflateSync } from 'node:zlib'
import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { encodePicture, type OutputFormat } from '../../src/images/encode-picture.ts'
import { parseInfotext, writeInfotext } from '../../src/images/infotext.ts'
import { readRecipe } from '../../src/images/read-recipe.ts'
import { buildRecipe, type Recipe } from '../../src/images/recipe.ts'

const PICTURE: RawPicture = {
  kind: 'raw',
  pixels: Uint8Array.from({ length: 16 * 8 * 3 }, (_, i) => (i * 7) % 256),
  width: 16,
  height: 8,
  channels: 3,
}

const RECIPE = buildRecipe({
  result: {
    backend: 'onnx',
    model: '/home/someone/models/foxes',
    modelHash: 'ab'.repeat(32),
    family: 'sd',
    scheduler: 'DPMSolverMultistepScheduler',
    schedulerConfig: { use_karras_sigmas: true },
    numInferenceSteps: 20,
    guidanceScale: 7.5,
    settings: { clip_skip: 1, strength: 0.6 },
  },
  prompt: 'a fox, "quick" & <brown>: 狐 🦊\nsecond line',
  negativePrompt: 'blurry, text',
  seed: 4294967295,
  size: { width: 16, height: 8 },
  version: '1.2.3',
})

const FORMATS: OutputFormat[] = ['png', 'jpeg', 'webp', 'avif']

describe('a recipe in a file', () => {
  it.each(FORMATS)('comes back whole from %s', async (format) => {
    const stored = await readRecipe(await encodePicture(PICTURE, { format, recipe: RECIPE }))
    expect(stored).toEqual({ source: 'diffgentor', recipe: JSON.parse(JSON.stringify(RECIPE)) })
  })

  it.each(FORMATS)('leaves a file that other programs open: %s', async (format) => {
    const bytes = await encodePicture(PICTURE, { format, recipe: RECIPE })
    const { info } = await sharp(bytes, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([16, 8])
  })

  it.each(FORMATS)('makes equal bytes each time: %s', async (format) => {
    const first = await encodePicture(PICTURE, { format, recipe: RECIPE })
    expect(Buffer.from(first).equals(await encodePicture(PICTURE, { format, recipe: RECIPE }))).toBe(true)
  })

  it.each(FORMATS)('is absent, like all other metadata, when none is given: %s', async (format) => {
    const bytes = await encodePicture(PICTURE, { format })
    const { exif, xmp, icc, iptc, comments } = await sharp(bytes).metadata()
    expect({ exif, xmp, icc, iptc, comments }).toEqual({})
    expect(await readRecipe(bytes)).toBeUndefined()
  })

  it('tells the model by its name, never by its place on the disk', () => {
    expect(RECIPE.model).toBe('foxes')
  })

  it('comes back for any prompt', async () => {
    const anyText = fc.string({ unit: 'binary', maxLength: 80 })
    await fc.assert(
      fc.asyncProperty(
        anyText,
        anyText,
        fc.constantFrom<OutputFormat>('png', 'jpeg', 'webp'),
        async (prompt, negative, format) => {
          const recipe: Recipe = { ...RECIPE, prompt, negativePrompt: negative }
          const stored = await readRecipe(await encodePicture(PICTURE, { format, recipe }))
          expect(stored?.recipe).toMatchObject({ prompt, negativePrompt: negative })
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe("a provider's file", () => {
  it.each(['png', 'jpeg', 'webp'] as const)('keeps its pixels when it gets a recipe: %s', async (format) => {
    const bytes = await sharp(PICTURE.pixels, { raw: { width: 16, height: 8, channels: 3 } })
      .withExif({ IFD0: { Software: 'provider', DateTime: '2026:01:01 00:00:00' } })
      [format]()
      .toBuffer()
    const marked = await encodePicture({ kind: 'encoded', bytes }, { format, recipe: RECIPE })
    expect((await readRecipe(marked))?.recipe.prompt).toBe(RECIPE.prompt)
    expect(await pixelsOf(marked)).toEqual(await pixelsOf(bytes))
    const bare = await encodePicture({ kind: 'encoded', bytes }, { format })
    expect((await sharp(bare).metadata()).exif).toBeUndefined()
    expect(await pixelsOf(bare)).toEqual(await pixelsOf(bytes))
  })

  it('is converted when another format is wanted', async () => {
    const bytes = await encodePicture(PICTURE, { format: 'png' })
    const webp = await encodePicture({ kind: 'encoded', bytes }, { format: 'webp', recipe: RECIPE })
    expect((await sharp(webp).metadata()).format).toBe('webp')
  })
})

async function pixelsOf(bytes: Uint8Array): Promise<number[]> {
  return [...(await sharp(bytes).raw().toBuffer())]
}

describe("A1111's text", () => {
  it('is written as its readers expect it', () => {
    expect(writeInfotext(RECIPE)).toMatchInlineSnapshot(`
      "a fox, "quick" & <brown>: 狐 🦊
      second line
      Negative prompt: blurry, text
      Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 4294967295, Size: 16x8, Model hash: ababababab, Model: foxes, Denoising strength: 0.6, Clip skip: 2, RNG: CPU, Version: diffgentor 1.2.3"
    `)
  })

  it('is read from files of other tools', () => {
    const text = `masterpiece, 1girl
on two lines
Negative prompt: bad hands,
worse
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 123, Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned, Lora hashes: "a: 1, b: 2", Version: v1.6.0`
    expect(parseInfotext(text)).toEqual({
      prompt: 'masterpiece, 1girl\non two lines',
      negativePrompt: 'bad hands,\nworse',
      seed: 123,
      width: 512,
      height: 768,
      model: 'v1-5-pruned',
      modelHash: '6ce0161689',
      scheduler: 'DPMSolverMultistepScheduler',
      schedulerConfig: { use_karras_sigmas: true },
      numInferenceSteps: 28,
      guidanceScale: 7,
      version: 'v1.6.0',
    })
  })

  it('is not seen in a text without its last line', () => {
    expect(parseInfotext('just a caption: with a colon')).toBeUndefined()
  })

  it.each(['tEXt', 'zTXt', 'iTXt'])('is found in a %s chunk of a PNG', async (type) => {
    const text = 'a fox\nSteps: 3, Seed: 5, Size: 16x8'
    const head = { tEXt: 'parameters\0', zTXt: 'parameters\0\0', iTXt: 'parameters\0\x01\0\0\0' }[type]!
    const body = type === 'tEXt' ? Buffer.from(text) : deflateSync(text)
    const png = await encodePicture(PICTURE, { format: 'png' })
    const stored = await readRecipe(insertChunk(png, type, Buffer.concat([Buffer.from(head, 'latin1'), body])))
    expect(stored).toEqual({
      source: 'a1111',
      recipe: { prompt: 'a fox', seed: 5, width: 16, height: 8, numInferenceSteps: 3 },
    })
  })
})

function insertChunk(png: Uint8Array, type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([png.subarray(0, 33), length, body, checksum, png.subarray(33)])
}
