import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fileWriter, parquetWriteRows } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { openDataset } from '../../src/datasets/open-dataset.ts'
import { collect, makeFolder } from './temporary-folder.ts'

const folder = makeFolder()

/** Written by Arrow with row groups of three: four rows with structs, lists, nulls and every common type. */
const arrowFile = (codec: string) => fileURLToPath(new URL(`./parquet/${codec}.parquet`, import.meta.url))

async function writeNumbers(path: string, from: number, to: number, rowGroupSize = 10): Promise<void> {
  const rows = Array.from({ length: to - from }, (_, at) => ({
    id: BigInt(from + at),
    prompt: (from + at) % 7 ? `prompt ${from + at}` : null,
  }))
  const columns = [
    { name: 'id', type: 'INT64' as const },
    { name: 'prompt', type: 'STRING' as const },
  ]
  await parquetWriteRows({ writer: fileWriter(path), rows, columns, rowGroupSize })
}

describe('Parquet files', () => {
  it.each(['zstd', 'gzip', 'brotli', 'lz4'])('are read with %s compression, nested pictures included', async (codec) => {
    await using dataset = await openDataset({ source: arrowFile(codec), kind: 'edit' })
    expect(dataset.columns).toEqual([
      'id',
      'image',
      'images',
      'instruction',
      'tags',
      'score',
      'good',
      'when',
      'day',
      'price',
      'small',
    ])
    const rows = await collect(dataset.rows())
    expect(rows.map(({ index, place, error }) => [index, place, error])).toEqual([
      [10, `row 0 of ${codec}.parquet`, undefined],
      [11, `row 1 of ${codec}.parquet`, undefined],
      [12, `row 2 of ${codec}.parquet`, undefined],
      [3, `row 3 of ${codec}.parquet`, undefined],
    ])
    const [first, second] = rows
    expect(first!.values).toMatchObject({ id: 10, image: { path: 'red.png' }, tags: ['a', 'b'], score: 0.5, price: 1.25 })
    const { bytes } = first!.values.image as { bytes: Uint8Array }
    expect(Buffer.from(bytes.subarray(1, 4)).toString()).toBe('PNG')
    expect(first!.values.images).toHaveLength(2)
    expect(second!.values.instruction).toBe('größer 🦊')
  })

  it('of a folder make one data set, in the order of their names', async () => {
    const parts = join(folder, 'parts')
    mkdirSync(parts)
    await writeNumbers(join(parts, 'b.parquet'), 25, 40)
    await writeNumbers(join(parts, 'a.parquet'), 0, 25)
    await using dataset = await openDataset({ source: parts, kind: 't2i' })
    expect(await dataset.countRows()).toBe(40)
    const rows = await collect(dataset.rows({ from: 22, wants: (position) => position % 2 === 0 }))
    expect(rows.map(({ position }) => position)).toEqual([22, 24, 26, 28, 30, 32, 34, 36, 38])
    expect(rows[2]).toMatchObject({ place: 'row 1 of b.parquet', values: { id: 26, prompt: 'prompt 26' } })
    expect(await dataset.findDuplicateIndexes()).toEqual([])
  })

  it('begin with what was fingerprinted when a file was added, not when one was changed', async () => {
    const parts = join(folder, 'growing')
    mkdirSync(parts)
    await writeNumbers(join(parts, '0.parquet'), 0, 10)
    await using before = await openDataset({ source: parts, kind: 't2i' })
    const earlier = await before.fingerprint()
    expect(await before.startsWith(earlier)).toBe(true)
    await writeNumbers(join(parts, '1.parquet'), 10, 20)
    await using grown = await openDataset({ source: parts, kind: 't2i' })
    expect(await grown.startsWith(earlier)).toBe(true)
    await writeNumbers(join(parts, '0.parquet'), 1, 11)
    await using changed = await openDataset({ source: parts, kind: 't2i' })
    expect(await changed.startsWith(earlier)).toBe(false)
  })

  it('are read in windows of large row groups, with the same rows and nulls', async () => {
    const path = join(folder, 'large.parquet')
    const rows = Array.from({ length: 30_000 }, (_, at) => ({ prompt: at % 5 ? `${at} `.repeat(120) : null, at: BigInt(at) }))
    const columns = [
      { name: 'prompt', type: 'STRING' as const, offsetIndex: false },
      { name: 'at', type: 'INT64' as const, offsetIndex: false },
    ]
    await parquetWriteRows({ writer: fileWriter(path), rows, columns, rowGroupSize: 30_000, pageSize: 65_536 })
    await using dataset = await openDataset({ source: path, kind: 't2i' })
    let position = 0
    for await (const { values } of dataset.rows()) {
      if (values.prompt !== rows[position]!.prompt || values.at !== position) expect(values).toEqual(rows[position])
      position += 1
    }
    expect(position).toBe(30_000)
    const [late] = await collect(dataset.rows({ from: 29_999 }))
    expect(late!.values).toEqual({ prompt: rows[29_999]!.prompt, at: 29_999 })
  })

  it('that are torn or of another kind are one sentence', async () => {
    const torn = join(folder, 'torn.parquet')
    writeFileSync(torn, readFileSync(arrowFile('zstd')).subarray(0, 3000))
    await expect(openDataset({ source: torn, kind: 'edit' })).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringMatching(/^\S*torn\.parquet is not a readable Parquet file \(.*\); it may be torn\.$/),
    })
  })

  it('with a damaged row group fail its rows and give the others', async () => {
    const damaged = join(folder, 'damaged.parquet')
    copyFileSync(arrowFile('zstd'), damaged)
    const bytes = readFileSync(damaged)
    bytes.fill(0xff, 8, 60)
    writeFileSync(damaged, bytes)
    await using dataset = await openDataset({ source: damaged, kind: 'edit' })
    const rows = await collect(dataset.rows())
    expect(rows).toHaveLength(4)
    expect(rows.slice(0, 3).map(({ error }) => error?.code)).toEqual(['invalid_row', 'invalid_row', 'invalid_row'])
    expect(new Set(rows.map(({ index }) => index)).size).toBe(4)
    expect(rows[3]!.values).toMatchObject({ score: -1 })
  })
})
