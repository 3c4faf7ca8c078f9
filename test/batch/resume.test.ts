import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { lastStatuses, listPictures, makeFolder, readLedger, sentencesOf, tryBatch, WatchedBackend } from './batch-harness.ts'

const ROWS = Array.from({ length: 10 }, (_, row) => `row ${row}`)

async function drawFirst(folder: string, count: number) {
  await tryBatch({ rows: ROWS, folder, settings: { filterRows: `:${count}` } })
}

it('goes on where it stopped, works no finished row again and ends in the same files as one run', async () => {
  const [whole, parts] = [makeFolder(), makeFolder()]
  await tryBatch({ rows: ROWS, folder: whole })
  await drawFirst(parts, 4)
  const backend = new WatchedBackend()
  const { summary } = await tryBatch({ rows: ROWS, folder: parts, backend })
  expect(summary).toMatchObject({ total: 10, skipped: 4, done: 6, exitCode: 0 })
  expect(backend.requests).toHaveLength(6)
  expect(listPictures(parts)).toEqual(listPictures(whole))
})

it('draws a row again whose file is gone, torn or grown, and says how many', async () => {
  const folder = makeFolder()
  await tryBatch({ rows: ROWS, folder })
  const before = listPictures(folder)
  rmSync(join(folder, '000001.png'))
  truncateSync(join(folder, '000004.png'), 50)
  appendFileSync(join(folder, '000007.png'), 'x')
  const backend = new WatchedBackend()
  const { summary, events } = await tryBatch({ rows: ROWS, folder, backend })
  expect(backend.requests.map(({ prompt }) => prompt).sort()).toEqual(['row 1', 'row 4', 'row 7'])
  expect(summary).toMatchObject({ skipped: 7, done: 3, pending: 0, exitCode: 0 })
  expect(sentencesOf(events, 'notice')).toEqual([expect.stringContaining('3 row(s)')])
  expect(listPictures(folder)).toEqual(before)
})

it('drops a torn last line and works its row again', async () => {
  const folder = makeFolder()
  await tryBatch({ rows: ROWS, folder })
  const ledger = join(folder, 'ledger.jsonl')
  const text = readFileSync(ledger, 'utf8')
  writeFileSync(ledger, text.slice(0, -30))
  const backend = new WatchedBackend()
  const { summary } = await tryBatch({ rows: ROWS, folder, backend })
  expect(backend.requests).toHaveLength(1)
  expect(summary).toMatchObject({ skipped: 9, done: 1 })
  expect(readLedger(folder)).toHaveLength(10)
})

it('passes over lines that are no ledger lines, and says where', async () => {
  const folder = makeFolder()
  await tryBatch({ rows: ROWS, folder })
  const ledger = join(folder, 'ledger.jsonl')
  const lines = readFileSync(ledger, 'utf8').split('\n')
  lines[2] = '{"index":'
  lines[5] = 'hello'
  writeFileSync(ledger, lines.join('\n'))
  const { summary, events } = await tryBatch({ rows: ROWS, folder })
  expect(summary).toMatchObject({ skipped: 8, done: 2 })
  expect(sentencesOf(events, 'notice')).toEqual([expect.stringContaining('(3, 6)')])
})

it('reads a ledger whose fields stand in another order', async () => {
  const folder = makeFolder()
  await tryBatch({ rows: ROWS, folder })
  const lines = readLedger(folder).map(({ index, status, outputs, attempt, ms }) =>
    JSON.stringify({ status, ms, outputs, index, attempt }, undefined, ' '),
  )
  writeFileSync(join(folder, 'ledger.jsonl'), lines.map((line) => `${line.replaceAll('\n', '')}\n`).join(''))
  expect((await tryBatch({ rows: ROWS, folder })).summary).toMatchObject({ skipped: 10, done: 0 })
})

it.each([
  ['another seed', { seed: 2 }, 'seed was 1, is 2'],
  ['other steps', { numInferenceSteps: 9 }, 'num_inference_steps was not set, is 9'],
  ['another format', { outputFormat: 'webp' }, 'output_format was "png", is "webp"'],
] as const)('refuses to resume with %s, showing the difference', async (_, settings, difference) => {
  const folder = makeFolder()
  await drawFirst(folder, 4)
  const before = listPictures(folder)
  const attempt = tryBatch({ rows: ROWS, folder, settings })
  await expect(attempt).rejects.toMatchObject({ code: 'resume_mismatch', message: expect.stringContaining(difference) })
  expect(listPictures(folder)).toEqual(before)
})

it('refuses to resume with another model, and mixes when forced to', async () => {
  const folder = makeFolder()
  await drawFirst(folder, 4)
  const backend = new WatchedBackend({ modelId: 'other' })
  await expect(tryBatch({ rows: ROWS, folder, backend })).rejects.toThrow('model was "fake", is "other"')
  const { summary } = await tryBatch({ rows: ROWS, folder, backend, settings: { force: true } })
  expect(summary).toMatchObject({ skipped: 4, done: 6 })
  await expect(tryBatch({ rows: ROWS, folder })).rejects.toThrow('model was "other", is "fake"')
})

it('resumes with settings that do not shape pictures', async () => {
  const folder = makeFolder()
  await drawFirst(folder, 4)
  const { summary } = await tryBatch({ rows: ROWS, folder, settings: { batchSize: 4, maxRetries: 9, logLevel: 'debug' } })
  expect(summary).toMatchObject({ skipped: 4, done: 6 })
})

it('takes rows appended to the data set for new ones, and refuses changed earlier rows', async () => {
  const folder = makeFolder()
  await tryBatch({ rows: ROWS.slice(0, 5), folder })
  const { summary } = await tryBatch({ rows: ROWS, folder })
  expect(summary).toMatchObject({ total: 10, skipped: 5, done: 5 })
  await expect(tryBatch({ rows: ['changed', ...ROWS.slice(1)], folder })).rejects.toMatchObject({ code: 'resume_mismatch' })
  await expect(tryBatch({ rows: ROWS.slice(0, 5), folder })).rejects.toThrow('had 10 rows, has 5')
})

it('draws a base seed once and keeps it over resumes', async () => {
  const folder = makeFolder()
  const first = await tryBatch({ rows: ROWS, folder, settings: { seed: undefined, filterRows: ':3' }, random: () => 0.123456 })
  const { base_seed } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as { base_seed: number }
  expect(base_seed).toBe(first.summary.baseSeed)
  const second = await tryBatch({ rows: ROWS, folder, settings: { seed: undefined }, random: () => 0.9 })
  expect(second.summary.baseSeed).toBe(base_seed)
  const seeds = readLedger(folder).map(({ index, outputs }) => outputs[0]!.seed! - index)
  expect(new Set(seeds)).toEqual(new Set([base_seed]))
  expect((await tryBatch({ rows: ROWS, folder, settings: { seed: base_seed } })).summary.skipped).toBe(10)
})

it('starts over when told to, removing only what its ledger lists', async () => {
  const folder = makeFolder()
  await tryBatch({
    rows: [
      { prompt: 'a', output_name: 'deep/er/a' },
      { prompt: 'b', output_name: 'b.webp' },
    ],
    folder,
  })
  writeFileSync(join(folder, 'holiday.png'), 'mine')
  const { summary, events } = await tryBatch({ rows: ['new'], folder, settings: { resume: false, seed: 9 } })
  expect(summary).toMatchObject({ total: 1, done: 1, skipped: 0 })
  expect(Object.keys(listPictures(folder))).toEqual(['000000.png', 'holiday.png'])
  expect(sentencesOf(events, 'notice')).toEqual([expect.stringContaining('2 picture(s)')])
  expect(readLedger(folder)).toHaveLength(1)
})

it('never removes files outside of its folder, whatever a ledger says', async () => {
  const root = makeFolder()
  const folder = join(root, 'out')
  await tryBatch({ rows: ['a'], folder })
  writeFileSync(join(root, 'precious.txt'), 'mine')
  appendFileSync(
    join(folder, 'ledger.jsonl'),
    '{"index":1,"status":"done","attempt":1,"outputs":[{"file":"../precious.txt","bytes":4,"sha256":""}],"ms":0}\n',
  )
  await tryBatch({ rows: ['a'], folder, settings: { resume: false } })
  expect(readFileSync(join(root, 'precious.txt'), 'utf8')).toBe('mine')
})

it('runs failed rows again on a resume, and only them with --retry_failed', async () => {
  const folder = makeFolder()
  const rows = ['fox', '[fail:content_policy:1] owl', ...ROWS]
  const backend = new WatchedBackend()
  await tryBatch({ rows, folder, backend, settings: { filterRows: ':4' } })
  expect(lastStatuses(folder)).toMatchObject({ 1: 'failed' })
  const { summary } = await tryBatch({ rows, folder, backend, settings: { retryFailed: true } })
  expect(backend.requests.slice(4).map(({ prompt }) => prompt)).toEqual(['[fail:content_policy:1] owl'])
  expect(summary).toMatchObject({ done: 1, failed: 0, skipped: 3, pending: 8, exitCode: 1 })
})

it('goes on in a folder without a ledger by the pictures in it, if they can be decoded', async () => {
  const [whole, folder] = [makeFolder(), makeFolder()]
  await tryBatch({ rows: ROWS, folder: whole })
  for (const name of ['000000.png', '000003.png']) writeFileSync(join(folder, name), readFileSync(join(whole, name)))
  writeFileSync(join(folder, '000005.png'), readFileSync(join(whole, '000005.png')).subarray(0, 300))
  const backend = new WatchedBackend()
  const { summary } = await tryBatch({ rows: ROWS, folder, backend })
  expect(summary).toMatchObject({ total: 10, skipped: 2, done: 8, pending: 0, exitCode: 0 })
  expect(backend.requests.map(({ prompt }) => prompt)).not.toContain('row 3')
  expect(listPictures(folder)).toEqual(listPictures(whole))
  expect((await tryBatch({ rows: ROWS, folder })).summary).toMatchObject({ skipped: 10, done: 0 })
})

it('sweeps the part files of dead runs and leaves other hidden files alone', async () => {
  const folder = makeFolder()
  mkdirSync(join(folder, 'sub'))
  for (const name of ['.0123456789ab-7.dgpart', 'sub/.0123456789ab-8.dgpart', '.hidden.part', 'x.dgpart'])
    writeFileSync(join(folder, name), 'x')
  await tryBatch({ rows: ['a'], folder })
  expect(Object.keys(listPictures(folder))).toEqual(['.hidden.part', '000000.png', 'x.dgpart'])
})

it('keeps results in data set order, complete over resumes, with errors and the other columns', async () => {
  const folder = makeFolder()
  const rows = [
    { prompt: 'a', mood: 'calm, blue' },
    { prompt: '[fail:content_policy:1] b', mood: 'wild' },
    { prompt: 'c', mood: '', n: 2 },
  ]
  const settings = { outputCsv: join(folder, 'results.csv') }
  const backend = new WatchedBackend()
  await tryBatch({ rows, folder, backend, settings: { ...settings, filterRows: '1:' } })
  const first = readFileSync(settings.outputCsv, 'utf8').split('\n')
  expect(first[0]).toBe('prompt,mood,n,output_image,instruction_enhanced,error')
  expect(first.slice(1)).toEqual([
    expect.stringMatching(/^\[fail:content_policy:1\] b,wild,,,,.*fail with content_policy/),
    'c,,2,000002_00.png|000002_01.png,,',
    '',
  ])
  await tryBatch({ rows, folder, backend, settings })
  expect(readFileSync(settings.outputCsv, 'utf8').split('\n').slice(1)).toEqual([
    'a,"calm, blue",,000000.png,,',
    '[fail:content_policy:1] b,wild,,000001.png,,',
    'c,,2,000002_00.png|000002_01.png,,',
    '',
  ])
})

it('keeps settings, data set, seed and counts in run.json, and no secrets', async () => {
  const folder = makeFolder()
  await tryBatch({ rows: ROWS, folder, settings: { openaiApiKey: 'sk-secret', numInferenceSteps: 7 } })
  const text = readFileSync(join(folder, 'run.json'), 'utf8')
  expect(text).not.toContain('sk-secret')
  expect(JSON.parse(text)).toMatchObject({
    version: '1.2.3',
    backend: 'fake',
    base_seed: 1,
    settings: { num_inference_steps: 7, output_dir: folder },
    dataset: { rows: 10, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    counts: { total: 10, done: 10, failed: 0 },
    started_at: expect.stringMatching(/^\d{4}-/),
    ended_at: expect.stringMatching(/^\d{4}-/),
  })
})

it('lets shards share a folder, each with its own ledger, and lets one run finish for all', async () => {
  const [whole, folder] = [makeFolder(), makeFolder()]
  await tryBatch({ rows: ROWS, folder: whole, settings: { seed: 77 } })
  await tryBatch({ rows: ROWS, folder, settings: { nodeRank: 1, numNodes: 3, seed: undefined }, random: () => 77.5 / 2 ** 32 })
  await tryBatch({ rows: ROWS, folder, settings: { nodeRank: 0, numNodes: 3, seed: undefined }, random: () => 0.5 })
  expect(
    readLedger(folder, 'shards/node-1-of-3/ledger.jsonl')
      .map(({ index }) => index)
      .sort(),
  ).toEqual([1, 4, 7])
  const backend = new WatchedBackend()
  const { summary } = await tryBatch({ rows: ROWS, folder, backend, settings: { seed: undefined } })
  expect(summary).toMatchObject({ total: 10, skipped: 7, done: 3 })
  expect(listPictures(folder)).toEqual(listPictures(whole))
})

it('gives each shard a contact sheet of its own', async () => {
  const folder = makeFolder()
  const shards = [0, 1].map((nodeRank) =>
    tryBatch({ rows: ROWS, folder, settings: { contactSheet: true, nodeRank, numNodes: 2 } }),
  )
  for (const { summary } of await Promise.all(shards)) expect(existsSync(summary.contactSheetFile!)).toBe(true)
  await tryBatch({ rows: ROWS, folder, settings: { contactSheet: true } })
  expect(readdirSync(folder).filter((name) => name.endsWith('.html'))).toEqual([
    'contact-sheet-0-of-2.html',
    'contact-sheet-1-of-2.html',
    'contact-sheet.html',
  ])
})

it('does not touch finished files on a resume', async () => {
  const folder = makeFolder()
  await tryBatch({ rows: ROWS, folder })
  const file = join(folder, '000003.png')
  utimesSync(file, 1000, 1000)
  await tryBatch({ rows: ROWS, folder })
  const { statSync } = await import('node:fs')
  expect(statSync(file).mtimeMs).toBe(1_000_000)
})
