import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Dataset } from '../../src/datasets/dataset.ts'
import { openDataset } from '../../src/datasets/open-dataset.ts'
import type { LookUpResult } from '../../src/datasets/result-entry.ts'
import { resultFormatOf, writeResults } from '../../src/datasets/write-results.ts'
import { makeFolder, openContent, readAll } from './temporary-folder.ts'

const folder = makeFolder()
let count = 0

async function write(dataset: Dataset, ending: string, lookUp: LookUpResult): Promise<string> {
  count += 1
  const path = join(folder, `results-${count}.${ending}`)
  await writeResults({ dataset, lookUp, path, part: join(folder, '.results.dgpart') })
  return path
}

/** Even rows have two pictures, odd ones failed. */
const halves: LookUpResult = ({ index }) =>
  index % 2 === 0 ? { images: [`${index}_00.png`, `${index}_01.png`] } : { images: [], error: 'It "failed", twice.' }
const OURS = { output_image: '', instruction_enhanced: '', error: '' }

describe('the results table', () => {
  it('has the columns of the data set unchanged, then ours, in data set order', async () => {
    await using dataset = await openContent(folder, 'csv', 'id,prompt,note\n4,"a\nfox, red",x\n3,an owl,\n2,a toad, spaced \n')
    const table = readFileSync(await write(dataset, 'csv', halves), 'utf8')
    expect(table).toBe(
      [
        'id,prompt,note,output_image,instruction_enhanced,error',
        '4,"a\nfox, red",x,4_00.png|4_01.png,,',
        '3,an owl,,,,"It ""failed"", twice."',
        '2,a toad," spaced ",2_00.png|2_01.png,,',
        '',
      ].join('\n'),
    )
  })

  it('leaves out rows of which nothing is known, and shows rows that could not be read', async () => {
    await using dataset = await openContent(folder, 'csv', 'prompt\na fox\nragged,row\nan owl\n')
    const lookUp: LookUpResult = async ({ position, error }) =>
      position === 2 ? undefined : { images: [], error: error?.message }
    await using table = await openDataset({ source: await write(dataset, 'csv', lookUp), kind: 't2i' })
    expect(await readAll(table)).toEqual([
      { ...OURS, prompt: 'a fox' },
      { ...OURS, prompt: '', error: expect.stringMatching(/^Line 3 of .* has 2 fields, the header has 1\.$/) },
    ])
  })

  it('collects the columns of all rows where the format does not tell them', async () => {
    await using dataset = await openContent(
      folder,
      'jsonl',
      '{"prompt":"a fox"}\n"an owl"\n{"text":"a toad","tags":["x",{"y":1}]}',
    )
    const lookUp: LookUpResult = ({ index }) => ({ images: [`${index}.png`], enhanced: index === 1 ? 'a wise owl' : undefined })
    const path = await write(dataset, 'csv', lookUp)
    await using table = await openDataset({ source: path, kind: 't2i' })
    expect(await readAll(table)).toEqual([
      { ...OURS, prompt: 'a fox', text: '', tags: '', output_image: '0.png' },
      { ...OURS, prompt: 'an owl', text: '', tags: '', output_image: '1.png', instruction_enhanced: 'a wise owl' },
      { ...OURS, prompt: '', text: 'a toad', tags: '["x",{"y":1}]', output_image: '2.png' },
    ])
  })

  it('puts its columns in place of those of an earlier table', async () => {
    await using dataset = await openContent(folder, 'csv', 'error,prompt,output_image\nold,a fox,old.png\n')
    const table = readFileSync(await write(dataset, 'csv', () => ({ images: ['new|1.png', 'new|2.png'] })), 'utf8')
    expect(table).toBe('prompt,output_image,instruction_enhanced,error\na fox,"[""new|1.png"",""new|2.png""]",,\n')
  })

  it('gives every value back as JSON lines', async () => {
    const column = fc.string().filter((name) => !(name in OURS))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.dictionary(column, fc.jsonValue()), { minLength: 1 }), async (rows) => {
        const lines = rows.map((row) => JSON.stringify(row))
        await using dataset = await openContent(folder, 'jsonl', lines.join('\n'))
        await using table = await openDataset({
          source: await write(dataset, 'jsonl', () => ({ images: ['x.png'] })),
          kind: 't2i',
        })
        const expected = lines.map((line) => ({
          ...JSON.parse(line),
          output_image: 'x.png',
          instruction_enhanced: null,
          error: null,
        }))
        expect(await readAll(table)).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })

  it('keeps the types and pictures of a Parquet source', async () => {
    const source = fileURLToPath(new URL('./parquet/zstd.parquet', import.meta.url))
    await using dataset = await openDataset({ source, kind: 'edit' })
    const path = await write(dataset, 'parquet', halves)
    await using table = await openDataset({ source: path, kind: 'edit' })
    expect(table.columns).toEqual([...dataset.columns, 'output_image', 'instruction_enhanced', 'error'])
    expect(await readAll(table)).toEqual(
      (await readAll(dataset)).map((values, at) => ({
        ...(values as object),
        output_image: at % 2 === 0 ? `${at + 10}_00.png|${at + 10}_01.png` : null,
        instruction_enhanced: null,
        error: at % 2 === 0 ? null : 'It "failed", twice.',
      })),
    )
  })

  it('finds types for Parquet from other sources', async () => {
    const rows = [
      { a: 1, b: 1, c: 'x', d: true, e: [1], f: 'x' },
      { a: 2, b: 0.5, c: null, e: { k: 1 }, f: 3 },
    ]
    await using dataset = await openContent(folder, 'json', JSON.stringify(rows))
    await using table = await openDataset({ source: await write(dataset, 'parquet', () => ({ images: [] })), kind: 't2i' })
    const ours = { output_image: null, instruction_enhanced: null, error: null }
    expect(await readAll(table)).toEqual([
      { ...rows[0], ...ours },
      { ...rows[1], d: null, ...ours },
    ])
  })

  it('leaves embedded pictures out of text', async () => {
    const source = fileURLToPath(new URL('./parquet/zstd.parquet', import.meta.url))
    await using dataset = await openDataset({ source, kind: 'edit' })
    await using table = await openDataset({ source: await write(dataset, 'csv', halves), kind: 'edit' })
    const [first] = (await readAll(table)) as Record<string, string>[]
    expect(first).toMatchObject({ id: '10', image: '{"path":"red.png"}', tags: '["a","b"]', when: '2024-01-02T03:04:05.000Z' })
  })

  it('stays as it was when a new one cannot be finished', async () => {
    const path = join(folder, 'kept.csv')
    writeFileSync(path, 'kept')
    await using dataset = await openContent(folder, 'txt', 'a fox\nan owl\n')
    const failing: LookUpResult = ({ position }) => {
      if (position === 1) throw new Error('the ledger is gone')
      return { images: ['0.png'] }
    }
    const part = join(folder, '.kept.dgpart')
    await expect(writeResults({ dataset, lookUp: failing, path, part })).rejects.toThrow('the ledger is gone')
    expect(readFileSync(path, 'utf8')).toBe('kept')
    expect(existsSync(part)).toBe(false)
    expect(readdirSync(folder).filter((name) => name.endsWith('.dgpart'))).toEqual([])
  })

  it('is refused under another ending', () => {
    expect(() => resultFormatOf('out/results.xlsx')).toThrow(/should end in \.csv, \.jsonl or \.parquet, got out\/results\.xlsx/)
  })
})
