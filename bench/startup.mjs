// How long the program takes to say something, against a Node that does nothing, in turns so that noise hits both.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../bin/diffgentor.js', import.meta.url))
const ROUNDS = 15

function time(args) {
  const start = performance.now()
  spawnSync(process.execPath, args, { stdio: 'ignore' })
  return performance.now() - start
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

const CASES = { '--help': ['--help'], 't2i --help': ['t2i', '--help'], models: ['models'] }
const bare = []
const times = Object.fromEntries(Object.keys(CASES).map((name) => [name, []]))
for (let round = 0; round < ROUNDS; round++) {
  bare.push(time(['-e', '0']))
  for (const [name, args] of Object.entries(CASES)) times[name].push(time([CLI, ...args]))
}
const bareMs = median(bare)
process.stdout.write(`  bare Node ${bareMs.toFixed(0)} ms\n`)
for (const [name, values] of Object.entries(times)) {
  const ms = median(values)
  process.stdout.write(`  diffgentor ${name} ${ms.toFixed(0)} ms, ${(ms / bareMs).toFixed(2)}× bare Node\n`)
}
