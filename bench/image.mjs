// What a warm image costs beside the time inside ONNX Runtime, with the built-in model: in one process, and through the
// backend with its child process, PNG included. Usage: node bench/image.mjs [IMAGES]; build first.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodePicture } from '../dist/images/encode-picture.js'
import { openBackend } from '../dist/index.js'
import { openPipeline } from '../dist/pipelines/index.js'

const folder = fileURLToPath(new URL('../models/emoji', import.meta.url))
const images = Number(process.argv[2] ?? 5)
const context = { signal: new AbortController().signal }
const request = (seed) => ({ prompt: 'a red apple', numImages: 1, seeds: [seed] })
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

const pipeline = await openPipeline({ folder })
await pipeline.run(request(0), context)
const ratios = []
let runtimeMs = 0
for (let seed = 1; seed <= images; seed++) {
  const [start, inside] = [performance.now(), pipeline.runtimeMs]
  await pipeline.run(request(seed), context)
  const [wallMs, ortMs] = [performance.now() - start, pipeline.runtimeMs - inside]
  runtimeMs += ortMs / images
  ratios.push(wallMs / ortMs)
}
await pipeline[Symbol.asyncDispose]()
process.stdout.write(
  `  in one process: ${median(ratios).toFixed(3)}× the time inside ONNX Runtime (${runtimeMs.toFixed(0)} ms an image)\n`,
)

const backend = await openBackend({ modelName: folder, numWorkers: 1 })
const draw = async (seed) => {
  const result = await backend.run(request(seed), context)
  await encodePicture(result.images[0].picture, { format: 'png' })
}
await draw(0)
const walls = []
for (let seed = 1; seed <= images; seed++) {
  const start = performance.now()
  await draw(seed)
  walls.push(performance.now() - start)
}
await backend[Symbol.asyncDispose]()
const wall = median(walls)
process.stdout.write(`  through the backend, as PNG: ${wall.toFixed(0)} ms, ${(wall / runtimeMs).toFixed(3)}×\n`)

/** Opens every graph that a picture needs; milliseconds. */
async function timeOpening(options) {
  const start = performance.now()
  const opened = await openPipeline({ folder, ...options })
  await opened.warmUp(context)
  const ms = performance.now() - start
  await opened[Symbol.asyncDispose]()
  return ms
}

const cacheFolder = mkdtempSync(join(tmpdir(), 'diffgentor-bench-'))
const without = await timeOpening({})
const first = await timeOpening({ cacheFolder })
const second = await timeOpening({ cacheFolder })
rmSync(cacheFolder, { recursive: true, force: true })
process.stdout.write(
  `  opening: ${without.toFixed(0)} ms without the graph cache, ${first.toFixed(0)} ms filling it, ${second.toFixed(0)} ms with it (${(second / without).toFixed(2)}×)\n`,
)
