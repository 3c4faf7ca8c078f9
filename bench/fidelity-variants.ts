import { join } from 'node:path'
import { openPipeline } from '../src/pipelines/index.ts'
import { EMOJI_FOLDER, EMOJI_TOLERANCE, listEmojiCases, measureEmoji } from '../test/support/emoji-goldens.ts'
import { fixturePath } from '../test/support/fixtures.ts'
import { readGoldenCases } from '../test/support/golden-cases.ts'
import { FLOAT16_TOLERANCE, measureDeviation } from '../test/support/measure-deviation.ts'
import { readNpy } from '../test/support/read-npy.ts'
import { formatRow, scientific, TABLE_HEAD, tell } from './fidelity-table.ts'

const HALF_PRECISION = [
  { model: 'sd15-tiny-fp16', name: 'sd15-t2i' },
  { model: 'sd15-tiny-fp16', name: 'sd15-t2i-euler' },
  { model: 'sd15-tiny-fp16', name: 'sd15-i2i-s0.5' },
  { model: 'sd15-tiny-fp16-io32', name: 'sd15-t2i' },
]

/** Half-precision graphs, compared with the same graphs under diffusers. */
export async function writeHalfPrecision(): Promise<string> {
  const rows: string[] = []
  for (const { model, name } of HALF_PRECISION) {
    await using pipeline = await openPipeline({ folder: fixturePath(`models/${model}`) })
    const golden = readGoldenCases([name]).find((candidate) => candidate.name === name)!
    const { images, recipe } = await pipeline.run(golden.request, { signal: new AbortController().signal })
    const folder = fixturePath(`goldens-variants/${model}--${name}`)
    const deviation = measureDeviation(images[0]!, 0, readNpy(join(folder, 'latents.npy')), readNpy(join(folder, 'image.npy')))
    rows.push(
      formatRow({ name: `${model}: ${name}`, scheduler: recipe.scheduler ?? '', deviation, tolerance: FLOAT16_TOLERANCE }),
    )
  }
  const allowed = `The tests allow ${FLOAT16_TOLERANCE.latents} of the largest latent, ${FLOAT16_TOLERANCE.levels} levels on ${FLOAT16_TOLERANCE.share * 100} % of the values.`
  return `## Half precision\n\nCompared with the same graphs under diffusers. ${allowed}\n\n${TABLE_HEAD}\n${rows.join('\n')}\n`
}

/** The built-in model, whose recorded runs rounded activations to integers. */
export async function writeBuiltInModel(): Promise<string> {
  await using pipeline = await openPipeline({ folder: EMOJI_FOLDER })
  const rows: string[] = []
  for (const name of listEmojiCases()) {
    const { latents, meanLevels } = await measureEmoji(pipeline, name)
    const isWithin = latents < EMOJI_TOLERANCE.latents && meanLevels < EMOJI_TOLERANCE.meanLevels
    rows.push(`| ${name} | ${scientific(latents)} | ${meanLevels.toFixed(2)} | ${tell(isWithin)} |`)
  }
  return `## The built-in model

Its weights are stored as integers. The recorded runs rounded activations to integers too, ours compute in float32, so that the pictures
are equal to the eye and not to the bit. The tests allow ${EMOJI_TOLERANCE.latents} of the largest latent and ${EMOJI_TOLERANCE.meanLevels} levels on average.

| case | relative | mean levels | verdict |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
