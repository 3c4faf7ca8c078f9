// Runs the benchmarks one after the other: npm run bench, or npm run bench -- NAME… for some of them.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const BENCHMARKS = {
  startup: { file: 'startup.mjs', describe: 'start-up of the program, against bare Node' },
  image: { file: 'image.mjs', describe: 'a warm image, against the time inside ONNX Runtime' },
  transformers: {
    file: 'transformers.ts',
    describe: 'what lies outside ONNX Runtime in each transformer family, with tiny models',
  },
  batch: { file: 'batch.mjs', describe: 'rows a second, memory and resume on the fake backend' },
  datasets: { file: 'read-datasets.ts', describe: 'reading data sets' },
  hosted: { file: 'hosted.mjs', describe: 'requests a second to an upstream that answers at once' },
  serve: { file: 'serve.mjs', describe: 'the server under load' },
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !(name in BENCHMARKS))
if (unknown.length > 0) {
  process.stderr.write(`There is no benchmark ${unknown.join(', ')}. Known: ${Object.keys(BENCHMARKS).join(', ')}.\n`)
  process.exit(2)
}
for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
  const { file, describe } = BENCHMARKS[name]
  process.stdout.write(`\n${name}: ${describe}\n`)
  const loader = file.endsWith('.ts') ? ['--import', 'tsx'] : []
  const { status } = spawnSync(process.execPath, [...loader, fileURLToPath(new URL(file, import.meta.url))], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
