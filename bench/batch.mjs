// Measures the batch on the fake backend: rows a second and their ratio at two sizes, the parent's memory, the time until the
// first new row of a nearly finished run, and the overhead over a bare loop that writes the same files.
// Usage: node bench/batch.mjs [--rows 1000000] [--small 10000] [--size 16x16]; build first.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const WORKER = fileURLToPath(new URL('batch-worker.mjs', import.meta.url))
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    small: { type: 'string', default: '10000' },
    size: { type: 'string', default: '16x16' },
  },
})
const [rows, small] = [Number(values.rows), Number(values.small)]

/** Writes prompts, one a line. */
async function writePrompts(path, from, to, flags = 'w') {
  const file = createWriteStream(path, { flags })
  for (let row = from; row < to; row += 1000) {
    const lines = Array.from({ length: Math.min(1000, to - row) }, (_, at) => `a picture of the thing number ${row + at}\n`)
    if (!file.write(lines.join(''))) await once(file, 'drain')
  }
  file.end()
  await once(file, 'finish')
}

/** Runs one measurement in a process of its own and reads its figures. */
async function measure(task) {
  const child = spawn(process.execPath, [WORKER, JSON.stringify({ size: values.size, ...task })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`The measurement ${task.kind} ended with code ${code}.`)
  return JSON.parse(text)
}

export async function benchBatch() {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-bench-'))
  try {
    const [fewer, more] = [join(folder, 'fewer.txt'), join(folder, 'more.txt')]
    await writePrompts(fewer, 0, small)
    await writePrompts(more, 0, rows)
    const bare = await measure({ kind: 'bare', prompts: fewer, output: join(folder, 'bare') })
    const few = await measure({ kind: 'batch', prompts: fewer, output: join(folder, 'few') })
    const many = await measure({ kind: 'batch', prompts: more, output: join(folder, 'many') })
    await writePrompts(more, rows, Math.ceil(rows * 1.1), 'a')
    const resumed = await measure({ kind: 'resume', prompts: more, output: join(folder, 'many') })
    return [
      [`rows/s at ${small} rows`, few.rowsPerSecond.toFixed(0), ''],
      [`rows/s at ${rows} rows`, many.rowsPerSecond.toFixed(0), ''],
      ['processor time per row, ratio', (few.cpuMicroseconds / many.cpuMicroseconds).toFixed(3), ''],
      ['ratio', (many.rowsPerSecond / few.rowsPerSecond).toFixed(3), '≥ 0.95'],
      ['time per row ÷ bare loop', (bare.rowsPerSecond / few.rowsPerSecond).toFixed(2), '≤ 1.5'],
      ['processor time per row ÷ bare loop', (few.cpuMicroseconds / bare.cpuMicroseconds).toFixed(2), ''],
      [`peak memory at ${rows} rows, MB`, many.peakMegabytes.toFixed(0), '≤ 150'],
      [`seconds to the first new row after ${rows} done`, resumed.firstRowSeconds.toFixed(2), '≤ 5'],
      ['peak memory of that resume, MB', resumed.peakMegabytes.toFixed(0), '≤ 150'],
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [what, figure, aim] of await benchBatch()) console.log(`${what.padEnd(52)} ${figure.padStart(10)}   ${aim}`)
}
