/**
 * How long it takes to count, fingerprint and skip a data set, and how much memory that and reading all of it needs.
 * Run: npx tsx bench/read-datasets.ts [ROWS]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openDataset } from '../src/datasets/open-dataset.ts'
import { writeResults } from '../src/datasets/write-results.ts'

const prompt = (row: number) => `a red apple number ${row}, on a wooden table, soft light`
const asJson = (row: number) => JSON.stringify({ id: row, prompt: prompt(row), width: 512, height: 512 })

const FILES: Record<string, { first: string; line: (row: number) => string; last: string }> = {
  'plain.txt': { first: '', line: (row) => `${prompt(row)}\n`, last: '' },
  'without-index.jsonl': { first: '', line: (row) => `${JSON.stringify({ prompt: prompt(row) })}\n`, last: '' },
  'with-index.jsonl': { first: '', line: (row) => `${asJson(row)}\n`, last: '' },
  'with-index.csv': { first: 'id,prompt,width,height\n', line: (row) => `${row},"${prompt(row)}",512,512\n`, last: '' },
  'array.json': { first: '[', line: (row) => `${row === 0 ? '' : ',\n'}${asJson(row)}`, last: ']' },
}

async function writeFile(folder: string, name: string, rows: number): Promise<string> {
  const { first, line, last } = FILES[name]!
  function* lines() {
    yield first
    for (let row = 0; row < rows; row += 1) yield line(row)
    yield last
  }
  const path = join(folder, name)
  await pipeline(Readable.from(lines()), createWriteStream(path))
  return path
}

/** In a process of its own, so that its peak memory is this data set's alone. */
async function measure(path: string): Promise<void> {
  const started = performance.now()
  let last = started
  const lap = () => {
    const now = performance.now()
    const seconds = ((now - last) / 1000).toFixed(2)
    last = now
    return seconds
  }
  await using dataset = await openDataset({ source: path, kind: 't2i' })
  const { rows } = await dataset.fingerprint()
  await dataset.findDuplicateIndexes()
  const survey = lap()
  for await (const row of dataset.rows({ from: Math.floor(rows * 0.9) })) if (row.position > 0) break
  const skip = lap()
  for await (const row of dataset.rows()) if (row.error) throw row.error
  const readAll = lap()
  const table = `${path}.results.csv`
  await writeResults({ dataset, lookUp: ({ index }) => ({ images: [`${index}.png`] }), path: table, part: `${table}.part` })
  const megabytes = Math.round((await stat(path)).size / 1e6)
  const peak = Math.round(process.resourceUsage().maxRSS / 1000)
  process.send?.(
    `${path.split('/').at(-1)} ${megabytes} MB, ${rows} rows: count, hash and look for duplicates ${survey} s, first row after 90 % ${skip} s, read all ${readAll} s, results ${lap()} s, peak ${peak} MB`,
  )
}

async function main(): Promise<void> {
  const [, , argument = '200000'] = process.argv
  if (extname(argument) !== '') return measure(argument)
  const folder = await mkdtemp(join(tmpdir(), 'diffgentor-bench-'))
  try {
    for (const name of Object.keys(FILES)) {
      const child = fork(import.meta.filename, [await writeFile(folder, name, Number(argument))])
      child.on('message', (line) => process.stdout.write(`${line}\n`))
      await once(child, 'exit')
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
