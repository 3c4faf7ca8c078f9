import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { lastStatuses, listPictures, makeFolder, readLedger, sentencesOf, tryBatch, WatchedBackend } from './batch-harness.ts'

it('writes one file a row and one ledger line for each', async () => {
  const folder = makeFolder()
  const { summary } = await tryBatch({ rows: ['a fox', 'an owl', 'a bear'], folder })
  expect(summary).toMatchObject({ total: 3, done: 3, failed: 0, pending: 0, images: 3, exitCode: 0, interrupted: false })
  const pictures = listPictures(folder)
  expect(Object.keys(pictures)).toEqual(['000000.png', '000001.png', '000002.png'])
  const lines = readLedger(folder).sort((a, b) => a.index - b.index)
  expect(lines.map(({ status, attempt }) => [status, attempt])).toEqual([
    ['done', 1],
    ['done', 1],
    ['done', 1],
  ])
  for (const { outputs } of lines) {
    expect(outputs).toHaveLength(1)
    expect(outputs[0]!.sha256).toBe(pictures[outputs[0]!.file])
    expect(outputs[0]!.bytes).toBe(readFileSync(join(folder, outputs[0]!.file)).length)
  }
  expect(lines.map(({ outputs }) => outputs[0]!.seed)).toEqual([1, 2, 3])
})

it('lets columns set what the flags set for all', async () => {
  const backend = new WatchedBackend()
  await tryBatch({
    folder: makeFolder(),
    backend,
    settings: { negativePrompt: 'blur', guidanceScale: 3, numInferenceSteps: 2, width: 32, height: 32 },
    rows: [
      { prompt: 'plain' },
      { prompt: 'own', negative_prompt: 'noise', cfg: '0', steps: 5, size: '16x24', scheduler: 'ddim' },
      { caption: 'wide', width: 48 },
      { text: 'blank', negative_prompt: '', seed: null },
    ],
  })
  const byPrompt = Object.fromEntries(backend.requests.map((request) => [request.prompt, request]))
  expect(byPrompt.plain).toMatchObject({
    negativePrompt: 'blur',
    guidanceScale: 3,
    numInferenceSteps: 2,
    size: { width: 32, height: 32 },
  })
  expect(byPrompt.plain!.diffusion).toBeUndefined()
  expect(byPrompt.own).toMatchObject({
    negativePrompt: 'noise',
    guidanceScale: 0,
    numInferenceSteps: 5,
    size: { width: 16, height: 24 },
    diffusion: { scheduler: 'ddim' },
  })
  expect(byPrompt.wide!.size).toEqual({ width: 48, height: 32 })
  expect(byPrompt.blank).toMatchObject({ negativePrompt: 'blur', seeds: [4] })
})

it('carries columns through that only share the name of a rare setting', async () => {
  const folder = makeFolder()
  const backend = new WatchedBackend()
  const rows = [
    { prompt: 'a', extra: 'from the second shoot', data_type: 'photo', embedding: [0.25, -1] },
    { prompt: 'b', extra: { quality: 'high' }, data_type: 1 },
  ]
  const outputCsv = join(folder, 'results.jsonl')
  const { summary } = await tryBatch({ folder, backend, rows, settings: { outputCsv } })
  expect(summary).toMatchObject({ done: 2, failed: 0 })
  const requests = Object.fromEntries(backend.requests.map((request) => [request.prompt, request]))
  expect(requests.a).toMatchObject({ extra: undefined, diffusion: undefined })
  expect(requests.b).toMatchObject({ extra: { quality: 'high' }, diffusion: { dataType: 1 } })
  const [first] = readFileSync(outputCsv, 'utf8').split('\n')
  expect(JSON.parse(first!)).toMatchObject(rows[0]!)
})

it('seeds picture j of row i with base + i·n + j modulo 2³², or with the row’s own seed + j', async () => {
  const folder = makeFolder()
  await tryBatch({
    folder,
    settings: { seed: 2 ** 32 - 3, numImagesPerPrompt: 2 },
    rows: [
      { prompt: 'a', index: 0 },
      { prompt: 'b', index: 1 },
      { prompt: 'c', index: 7, seed: 50 },
      { prompt: 'd', index: 9_007_199_254_740_991, n: 3 },
    ],
  })
  const seeds = Object.fromEntries(readLedger(folder).map(({ index, outputs }) => [index, outputs.map(({ seed }) => seed)]))
  expect(seeds[0]).toEqual([4294967293, 4294967294])
  expect(seeds[1]).toEqual([4294967295, 0])
  expect(seeds[7]).toEqual([50, 51])
  const first = Number((2n ** 32n - 3n + 9_007_199_254_740_991n * 3n) % 2n ** 32n)
  expect(seeds[9_007_199_254_740_991]).toEqual([first, first + 1, first + 2])
})

it('fails a row whose column cannot be read, naming line and column, and works the others', async () => {
  const folder = makeFolder()
  const rows = [{ prompt: 'a' }, { prompt: 'b', steps: 'many' }, { prompt: '' }, 'RAW {"prompt": "torn', { prompt: 'c' }]
  const { summary } = await tryBatch({ folder, rows })
  expect(summary).toMatchObject({ done: 2, failed: 3, exitCode: 1 })
  const errors = Object.fromEntries(readLedger(folder).map(({ position, index, error }) => [position ?? index, error?.message]))
  expect(errors[1]).toBe('Column steps of line 2 expects a whole number from 1 to 10000, got "many".')
  expect(errors[2]).toContain('line 3 has no prompt')
  expect(errors[3]).toContain('Line 4')
})

it('stops at the first bad row when asked to be strict', async () => {
  const rows = ['RAW {"prompt"', ...Array.from({ length: 200 }, (_, row) => `row ${row}`)]
  const { summary } = await tryBatch({
    folder: makeFolder(),
    rows,
    settings: { strict: true },
    backend: new WatchedBackend({ concurrency: 1 }),
  })
  expect(summary).toMatchObject({ exitCode: 1, endedBy: { code: 'invalid_row' } })
  expect(summary.pending).toBeGreaterThan(190)
})

it('gives the same bytes whatever the concurrency and the order in which rows finish', async () => {
  const rows = Array.from({ length: 24 }, (_, row) => ({ prompt: `row ${row}`, n: (row % 3) + 1 }))
  const [one, many] = [makeFolder(), makeFolder()]
  await tryBatch({ rows, folder: one, backend: new WatchedBackend({ concurrency: 1 }) })
  const backend = new WatchedBackend({
    concurrency: 8,
    maxImagesPerCall: 1,
    before: async () => await new Promise((resolve) => setTimeout(resolve, Math.random() * 8)),
  })
  await tryBatch({ rows, folder: many, backend, settings: { batchSize: 2 } })
  expect(backend.mostInFlight).toBeGreaterThan(1)
  expect(backend.mostInFlight).toBeLessThanOrEqual(16)
  expect(listPictures(many)).toEqual(listPictures(one))
})

it('holds no more than twice as many rows as are drawn at once, however slow the drawing', async () => {
  const started: number[] = []
  const finished: number[] = []
  const rows = Array.from({ length: 60 }, (_, row) => `[delay:2] row ${row}`)
  let most = 0
  await tryBatch({
    rows,
    folder: makeFolder(),
    backend: new WatchedBackend({ concurrency: 3 }),
    onEvent: (event) => {
      if (event.type === 'row-start') started.push(event.index)
      if (event.type === 'row-end') finished.push(event.entry.index)
      most = Math.max(most, started.length - finished.length)
    },
  })
  expect(finished).toHaveLength(60)
  expect(most).toBeGreaterThan(3)
  expect(most).toBeLessThanOrEqual(6)
})

it('keeps a picture of one flat color, counts it as suspect, and rolls it again only when asked', async () => {
  const folder = makeFolder()
  const rows = ['a fox', '[flat] fog']
  const first = await tryBatch({ rows, folder })
  expect(first.summary).toMatchObject({ done: 2, suspect: 1, exitCode: 0 })
  expect(lastStatuses(folder)).toEqual({ 0: 'done', 1: 'suspect' })
  const second = new WatchedBackend()
  await tryBatch({ rows, folder, backend: second })
  expect(second.requests).toHaveLength(0)
  const third = new WatchedBackend()
  await tryBatch({ rows, folder, backend: third, settings: { retrySuspect: true } })
  expect(third.requests.map(({ prompt }) => prompt)).toEqual(['[flat] fog'])
})

it('fails a row whose picture has another size than was asked for', async () => {
  const folder = makeFolder()
  const backend = new WatchedBackend()
  const run = backend.run.bind(backend)
  backend.run = async (request, context) => await run({ ...request, size: { width: 8, height: 8 } }, context)
  const { summary } = await tryBatch({ folder, rows: [{ prompt: 'a', size: '16x16' }], backend })
  expect(summary).toMatchObject({ failed: 1, exitCode: 1 })
  expect(readLedger(folder)[0]!.error!.message).toContain('16x16')
  expect(listPictures(folder)).toEqual({})
})

it('works only the rows that the filter and the split leave to it', async () => {
  const folder = makeFolder()
  const rows = Array.from({ length: 10 }, (_, row) => `row ${row}`)
  const { summary } = await tryBatch({ folder, rows, settings: { filterRows: ':4,6,8:', nodeRank: 0, numNodes: 2 } })
  expect(summary.total).toBe(4)
  expect(Object.keys(listPictures(folder))).toEqual(['000000.png', '000002.png', '000006.png', '000008.png'])
})

it('tells what could not be honored once, however many rows it concerns', async () => {
  const backend = new WatchedBackend({ negativePrompt: false })
  const rows = Array.from({ length: 5 }, (_, row) => `row ${row}`)
  const { events } = await tryBatch({ folder: makeFolder(), rows, backend, settings: { negativePrompt: 'blur' } })
  expect(sentencesOf(events, 'warning')).toEqual([expect.stringContaining('negative_prompt')])
})

it.each([
  [[], {}, 'is empty'],
  [[{ title: 'x' }], {}, 'has no column prompt'],
  [['a'], { filterRows: '1-3' }, '--filter_rows expects'],
  [['a'], { nodeRank: 2, numNodes: 2 }, '--node_rank must be less'],
  [['a'], { outputNameColumn: 'name' }, 'has no column name'],
  [['a'], { outputCsv: 'results.xls' }, 'should end in'],
  [
    [
      { prompt: 'a', index: 4 },
      { prompt: 'b', index: 4 },
    ],
    {},
    'same index: 4',
  ],
])('refuses, before anything is written, a run that could only fail (%#)', async (rows, settings, sentence) => {
  const folder = join(makeFolder(), 'out')
  await expect(tryBatch({ folder, rows: rows as never[], settings })).rejects.toThrow(sentence)
  await expect(async () => readFileSync(folder)).rejects.toThrow('ENOENT')
})
