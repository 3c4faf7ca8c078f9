// Draws every recorded case of all models and writes docs/fidelity.md: how far each lies from what diffusers gives.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openPipeline, type Pipeline } from '../src/pipelines/index.ts'
import { type GoldenCase, readGolden, readGoldenCases } from '../test/support/golden-cases.ts'
import { type Deviation, measureDeviation } from '../test/support/measure-deviation.ts'
import { modelFolder } from '../test/support/model-folders.ts'
import { setup } from '../test/support/unpack-fixtures.ts'
import { writeExact } from './fidelity-exact.ts'
import { writeSchedulers } from './fidelity-schedulers.ts'
import { formatRow, type ReportRow, TABLE_HEAD } from './fidelity-table.ts'
import { writeTransformerSections } from './fidelity-transformers.ts'
import { writeBuiltInModel, writeHalfPrecision } from './fidelity-variants.ts'

const context = { signal: new AbortController().signal }

async function measureModel(model: string, cases: readonly GoldenCase[]): Promise<ReportRow[]> {
  await using pipeline = await openPipeline({ folder: modelFolder(model) })
  const rows: ReportRow[] = []
  for (const golden of cases) rows.push(await measureCase(pipeline, golden))
  return rows
}

async function measureCase(pipeline: Pipeline, golden: GoldenCase): Promise<ReportRow> {
  const { images, recipe } = await pipeline.run(golden.request, context)
  const deviations = images
    .slice(0, golden.onlyFirstImage ? 1 : images.length)
    .map((image, index) => measureDeviation(image, index, readGolden(golden, 'latents'), readGolden(golden, 'image')))
  return { name: golden.name, scheduler: recipe.scheduler ?? '', deviation: worst(deviations) }
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

await setup()
const roots = ['goldens', 'ip-adapter-goldens', 'unet-goldens']
// Halves of a base with its refiner are compared as a whole, by the tests.
const goldens = roots
  .flatMap((root) => readGoldenCases([''], root))
  .filter(({ call, latentsFrom }) => call['output_type'] !== 'latent' && !latentsFrom)
const models = [...new Set(goldens.map(({ model }) => model))].sort()
const sections: string[] = []
for (const model of models) {
  const rows = await measureModel(
    model,
    goldens.filter((golden) => golden.model === model),
  )
  sections.push(`## ${model}\n\n${TABLE_HEAD}\n${rows.map(formatRow).join('\n')}\n`)
  process.stderr.write(`${model}: ${rows.length} cases\n`)
}
sections.push(...(await writeTransformerSections()))
sections.push(await writeHalfPrecision(), await writeBuiltInModel(), writeSchedulers(), await writeExact())
const page = `# Fidelity

How far our pictures lie from those that diffusers (0.39, torch 2.13 on the CPU, float32) draws with the same small random models.
Written by \`npm run fidelity\`; the same cases are tests.

- **latents**: the greatest difference of the final latents, and relative to the largest of them (or to 1). The tests allow 5e-5.
- **levels**: the greatest difference of a color value of 0 … 255. The tests allow 1 on at most 0.2 % of the values.

Pictures of SD3's inpainting are not compared: diffusers forgets a shift when it decodes them.

${sections.join('\n')}`
writeFileSync(fileURLToPath(new URL('../docs/fidelity.md', import.meta.url)), page)
