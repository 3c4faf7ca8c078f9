// Draws every recorded case of the transformer models and prints how far each lies from what diffusers gives.
import { openPipeline } from '../src/pipelines/index.ts'
import { fixturePath } from '../test/support/fixtures.ts'
import { casesOf, measureTransformer } from '../test/support/measure-transformer.ts'
import {
  FLUX_SUITES,
  FLUX2_SUITES,
  FURTHER_SUITES,
  QWEN_SUITES,
  SD3_SUITES,
  type TransformerSuite,
} from '../test/support/transformer-suites.ts'
import { formatRow, TABLE_HEAD } from './fidelity-table.ts'

/** One section of the page for each model. */
export async function writeTransformerSections(): Promise<string[]> {
  const sections: string[] = []
  for (const suite of [...SD3_SUITES, ...FLUX_SUITES, ...FLUX2_SUITES, ...QWEN_SUITES, ...FURTHER_SUITES]) {
    sections.push(await writeSection(suite))
    process.stderr.write(`${nameOf(suite)}\n`)
  }
  return sections
}

async function writeSection(suite: TransformerSuite): Promise<string> {
  const { model, modelType } = suite
  await using pipeline = await openPipeline({ folder: fixturePath(`dit/${model}/model`), modelType })
  const rows: string[] = []
  for (const golden of casesOf(suite)) {
    const latentsOnly = suite.latentsOnly?.(golden) ?? false
    const deviation = await measureTransformer(pipeline, suite, golden)
    const scheduler = golden.request.diffusion?.scheduler ?? pipeline.description.scheduler
    rows.push(formatRow({ name: golden.name, scheduler, deviation, latentsOnly }))
  }
  return `## ${nameOf(suite)}\n\n${TABLE_HEAD}\n${rows.join('\n')}\n`
}

function nameOf({ model, modelType }: TransformerSuite): string {
  return modelType === undefined ? model : `${model} as ${modelType}`
}
