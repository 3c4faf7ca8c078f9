// Draws every recorded case of all models and writes docs/fidelity.md: how far each lies from what diffusers gives.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openPipeline, type Pipeline } from '../src/pipelines/index.ts'
import { fixturePath } from '../test/support/fixtures.ts'
import { type GoldenCase, readGolden, readGoldenCases } from '../test/support/golden-cases.ts'
import { type Deviation, measureDeviation } from '../test/support/measure-deviation.ts'
import { setup } from '../test/support/unpack-fixtures.ts'
import { writeTransformerSections } from './fidelity-transformers.ts'

/** Arguments of diffusers that no flag stands for, and runs that end in latents. */
const UNREACHABLE = ['timesteps', 'negative_prompt_2', 'negative_original_size', 'aesthetic_score', 'guess_mode']

interface Row {
  golden: GoldenCase
  scheduler: string
  deviation: Deviation
}

const context = { signal: new AbortController().signal }

async function measureModel(model: string, cases: readonly GoldenCase[]): Promise<Row[]> {
  await using pipeline = await openPipeline({ folder: fixturePath(`models/${model}`) })
  const rows: Row[] = []
  for (const golden of cases) rows.push(await measureCase(pipeline, golden))
  return rows
}

async function measureCase(pipeline: Pipeline, golden: GoldenCase): Promise<Row> {
  const { images, recipe } = await pipeline.run(golden.request, context)
  const deviations = images
    .slice(0, golden.onlyFirstImage ? 1 : images.length)
    .map((image, index) => measureDeviation(image, index, readGolden(golden, 'latents'), readGolden(golden, 'image')))
  return { golden, scheduler: recipe.scheduler ?? '', deviation: worst(deviations) }
}

function worst(deviations: readonly Deviation[]): Deviation {
  const greatest = (key: keyof Deviation) => Math.max(...deviations.map((deviation) => deviation[key]))
  return {
    latents: greatest('latents'),
    largestLatent: greatest('largestLatent'),
    levels: greatest('levels'),
    share: greatest('share'),
  }
}

function formatRow({ golden, scheduler, deviation }: Row): string {
  const { latents, largestLatent, levels, share } = deviation
  const relative = (latents / Math.max(1, largestLatent)).toExponential(1)
  const name = scheduler.replace(/Scheduler$/, '')
  return `| ${golden.name} | ${name} | ${latents.toExponential(1)} | ${relative} | ${levels} | ${(share * 100).toFixed(3)} % |`
}

await setup()
const goldens = readGoldenCases(['']).filter(
  ({ call, latentsFrom }) => !UNREACHABLE.some((key) => key in call) && call['output_type'] !== 'latent' && !latentsFrom,
)
const models = [...new Set(goldens.map(({ model }) => model))].sort()
const sections: string[] = []
for (const model of models) {
  const rows = await measureModel(
    model,
    goldens.filter((golden) => golden.model === model),
  )
  const head = '| case | scheduler | latents | relative | levels | values off |\n| --- | --- | --- | --- | --- | --- |'
  sections.push(`## ${model}\n\n${head}\n${rows.map(formatRow).join('\n')}\n`)
  process.stderr.write(`${model}: ${rows.length} cases\n`)
}
sections.push(...(await writeTransformerSections()))
const page = `# Fidelity

How far our pictures lie from those that diffusers (0.39, torch 2.13 on the CPU, float32) draws with the same small random models.
Written by \`npm run fidelity\`; the same cases are tests.

- **latents**: the greatest difference of the final latents, and relative to the largest of them (or to 1). The tests allow 5e-5.
- **levels**: the greatest difference of a color value of 0 … 255. The tests allow 1 on at most 0.2 % of the values.

First noise is bit-equal everywhere. Not in the table, because no flag asks for them: own timesteps, a second negative prompt,
sizes and aesthetic scores of the negative prompt, ControlNet's guess mode. Pictures of SD3's inpainting are not compared: diffusers
forgets a shift when it decodes them.

${sections.join('\n')}`
writeFileSync(fileURLToPath(new URL('../docs/fidelity.md', import.meta.url)), page)
