// One measurement of bench/batch.mjs, in a process of its own; prints its figures as JSON.
import { mkdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { openFakeBackend } from '../dist/backends/fake/fake-backend.js'
import { runBatch } from '../dist/batch/run-batch.js'
import { BATCH_SETTINGS, withDefaults } from '../dist/config/settings.js'
import { openDataset } from '../dist/datasets/open-dataset.js'
import { encodePicture } from '../dist/images/encode-picture.js'
import { buildRecipe } from '../dist/images/recipe.js'

const task = JSON.parse(process.argv[2])
const [width, height] = task.size.split('x').map(Number)
const settings = withDefaults(BATCH_SETTINGS, { backend: 'fake', seed: 1, width, height, outputDir: task.output })
const backend = await openFakeBackend(settings)
// `await using` is not in Node 20.
const dataset = await openDataset({ source: task.prompts, kind: 't2i' })

/** What a careful script of thirty lines would do: no ledger, no flush, no resume. */
async function runBare() {
  mkdirSync(task.output, { recursive: true })
  const limit = pLimit(backend.capabilities.concurrency)
  const pending = new Set()
  let rows = 0
  for await (const { position, values } of dataset.rows()) {
    rows++
    const work = limit(() => drawBare(position, values.prompt)).finally(() => pending.delete(work))
    pending.add(work)
    if (pending.size >= 2 * backend.capabilities.concurrency) await Promise.race(pending)
  }
  await Promise.all(pending)
  return rows
}

async function drawBare(position, prompt) {
  const request = { prompt, numImages: 1, seeds: [1 + position], size: { width, height } }
  const { images, recipe } = await backend.run(request, { signal: new AbortController().signal })
  const facts = { result: recipe, prompt, seed: 1 + position, size: { width, height }, version: 'bench' }
  const bytes = await encodePicture(images[0].picture, { format: 'png', recipe: buildRecipe(facts) })
  await writeFile(join(task.output, `${String(position).padStart(6, '0')}.png`), bytes)
}

async function runWhole() {
  const { done } = await runBatch({ dataset, backend, settings, kind: 't2i', version: 'bench' })
  return done
}

/** Stops at the first new row. */
async function runToFirstRow() {
  const stop = new AbortController()
  const startedAt = performance.now()
  let first = 0
  const onEvent = ({ type }) => {
    if (type !== 'row-end' || first > 0) return
    first = performance.now() - startedAt
    stop.abort()
  }
  await runBatch({ dataset, backend, settings, kind: 't2i', version: 'bench', signal: stop.signal, onEvent })
  return first / 1000
}

function peakMegabytes() {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? process.memoryUsage.rss() / 1024) / 1024
}

const startedAt = performance.now()
if (task.kind === 'resume') {
  console.log(JSON.stringify({ firstRowSeconds: await runToFirstRow(), peakMegabytes: peakMegabytes() }))
} else {
  const rows = await (task.kind === 'bare' ? runBare() : runWhole())
  const rowsPerSecond = (rows * 1000) / (performance.now() - startedAt)
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify({ rowsPerSecond, cpuMicroseconds: (user + system) / rows, peakMegabytes: peakMegabytes() }))
}
await dataset[Symbol.asyncDispose]()
