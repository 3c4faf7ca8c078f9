// Draws every recorded case of the transformer models and prints how far each lies from what diffusers gives.
import { openPipeline } from '../src/pipelines/index.ts'
import { fixturePath } from '../test/support/fixtures.ts'
import type { Deviation } from '../test/support/measure-deviation.ts'
import { casesOf, measureTransformer } from '../test/support/measure-transformer.ts'
import {
  FLUX_SUITES,
  FLUX2_SUITES,
  FURTHER_SUITES,
  QWEN_SUITES,
  SD3_SUITES,
  type TransformerSuite,
} from '../test/support/transformer-suites.ts'

const HEAD = '| case | latents | relative | levels | values off |\n| --- | --- | --- | --- | --- |'

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
    const onlyLatents = suite.latentsOnly?.(golden) ?? false
    rows.push(formatRow(golden.name, await measureTransformer(pipeline, suite, golden), onlyLatents))
  }
  return `## ${nameOf(suite)}\n\n${HEAD}\n${rows.join('\n')}\n`
}

function nameOf({ model, modelType }: TransformerSuite): string {
  return modelType === undefined ? model : `${model} as ${modelType}`
}

function formatRow(name: string, { latents, largestLatent, levels, share }: Deviation, onlyLatents: boolean): string {
  const relative = (latents / Math.max(1, largestLatent)).toExponential(1)
  const pixels = onlyLatents ? '– | –' : `${levels} | ${(share * 100).toFixed(3)} %`
  return `| ${name} | ${latents.toExponential(1)} | ${relative} | ${pixels} |`
}
