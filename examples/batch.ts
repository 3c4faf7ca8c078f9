// A resumable batch from TypeScript: run it twice, and the second run finds everything done.
//
//   npx tsx examples/batch.ts examples/prompts.txt output
import { BATCH_SETTINGS, openBackend, openDataset, runBatch, VERSION, withDefaults } from 'diffgentor'

const [source = 'examples/prompts.txt', outputDir = 'output', backendName = 'onnx'] = process.argv.slice(2)
const settings = withDefaults(BATCH_SETTINGS, { outputDir, backend: backendName, seed: 7 })

await using dataset = await openDataset({ source, kind: 't2i' })
await using backend = await openBackend(settings)
const summary = await runBatch({
  dataset,
  backend,
  settings,
  kind: 't2i',
  version: VERSION,
  onEvent: (event) => {
    if (event.type === 'row-end') process.stderr.write(`row ${event.entry.index}: ${event.entry.status}\n`)
  },
})
process.stdout.write(`${summary.done} drawn, ${summary.skipped} done before, ${summary.failed} failed\n`)
process.exitCode = summary.exitCode
