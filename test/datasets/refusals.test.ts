import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type OpenDatasetOptions, openDataset } from '../../src/datasets/open-dataset.ts'
import { collect, makeFolder } from './temporary-folder.ts'

const folder = makeFolder()
const write = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, name), content)
  return name
}
const open = (source: string, options: Partial<OpenDatasetOptions> = {}) =>
  openDataset({ source, kind: 't2i', workingFolder: folder, ...options })

mkdirSync(join(folder, 'hollow'))
mkdirSync(join(folder, 'pictures'))
for (const name of ['b.PNG', 'a, red.jpg', '.hidden.png', 'notes.txt', 'c.heic']) write(`pictures/${name}`, 'x')

describe('a data set that cannot be used is one sentence', () => {
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['missing', () => open('none.csv'), /^none\.csv does not exist\.$/],
    ['empty', () => open(write('empty.txt', '')), /^empty\.txt is empty\.$/],
    ['blank', () => open(write('blank.txt', ' \n\n')), /^blank\.txt holds no rows\.$/],
    ['a header alone', () => open(write('header.csv', 'prompt\n')), /^header\.csv holds no rows\.$/],
    ['an empty array', () => open(write('none.json', '[]')), /^none\.json holds no rows\.$/],
    ['an unknown ending', () => open(write('rows.xlsx', 'x')), /"\.xlsx"; say the format with --input_format\.$/],
    ['no ending', () => open(write('rows', 'x')), /got none; say the format with --input_format\.$/],
    ['UTF-16', () => open(write('wide.csv', Buffer.from('\ufeffprompt\na fox', 'utf16le'))), /not UTF-8 text; save it as UTF-8/],
    ['a picture for t2i', () => open(write('fox.png', 'x')), /is a picture, but prompts are expected/],
    ['a folder for t2i', () => open('pictures'), /holds no Parquet files/],
    ['plain text for edit', () => open(write('p.txt', 'a fox'), { kind: 'edit' }), /plain text, which cannot name pictures/],
    ['a folder without pictures', () => open('hollow', { kind: 'edit' }), /holds neither pictures nor Parquet files/],
    ['standard input without a format', () => open('-', { stdin: Readable.from(['x']) }), /say it with --input_format/],
    ['empty standard input', () => open('-', { stdin: Readable.from([]), format: 'txt' }), /^Standard input held no rows\.$/],
    ['no prompt', () => openDataset({ source: [], kind: 't2i' }), /^No prompt is given\.$/],
  ])('%s', async (_, attempt, message) => {
    await expect(attempt()).rejects.toMatchObject({ code: 'invalid_configuration', message: expect.stringMatching(message) })
  })
})

describe('pictures to edit', () => {
  it('of a folder are rows in the order of their names, hidden and other files left out', async () => {
    await using dataset = await open('pictures', { kind: 'edit' })
    expect(dataset.columns).toEqual(['image'])
    expect(dataset.folder).toBe(join(folder, 'pictures'))
    expect((await collect(dataset.rows())).map(({ values }) => values.image)).toEqual(['a, red.jpg', 'b.PNG', 'c.heic'])
  })

  it('may be one', async () => {
    write('fox.png', 'x')
    await using dataset = await open('fox.png', { kind: 'edit' })
    expect(dataset.folder).toBe(folder)
    expect((await collect(dataset.rows())).map(({ values }) => values)).toEqual([{ image: 'fox.png' }])
  })
})
