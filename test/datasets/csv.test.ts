import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect, makeFolder, openContent, readAll } from './temporary-folder.ts'

const folder = makeFolder()
const quote = (field: string) => `"${field.replaceAll('"', '""')}"`

describe('csv and tsv', () => {
  it('read quoted line breaks, doubled quotes, CRLF, a byte order mark and a missing last line end', async () => {
    await using dataset = await openContent(folder, 'csv', '\ufeffprompt, seed\r\n"a ""red""\r\nfox, old",3\r\n\r\nan owl,4')
    expect(dataset.columns).toEqual(['prompt', 'seed'])
    const rows = await collect(dataset.rows())
    expect(rows.map(({ values, place }) => [values, place])).toEqual([
      [{ prompt: 'a "red"\r\nfox, old', seed: '3' }, 'line 2'],
      [{ prompt: 'an owl', seed: '4' }, 'line 5'],
    ])
  })

  it('take a quote inside an unquoted field as it stands', async () => {
    await using dataset = await openContent(folder, 'tsv', 'prompt\tsize\na 5" nail, "bent"\t64x64\nan ""owl""\t32x32\n')
    expect(await readAll(dataset)).toEqual([
      { prompt: 'a 5" nail, "bent"', size: '64x64' },
      { prompt: 'an ""owl""', size: '32x32' },
    ])
  })

  it('report ragged rows by line and read the others', async () => {
    await using dataset = await openContent(folder, 'csv', 'prompt,seed\na fox,1\nan owl\na toad,2,3\na hen,4\n')
    expect(await readAll(dataset)).toEqual([
      { prompt: 'a fox', seed: '1' },
      expect.stringMatching(/^Line 3 of .* has 1 field, the header has 2\.$/),
      expect.stringMatching(/^Line 4 of .* has 3 fields, the header has 2\.$/),
      { prompt: 'a hen', seed: '4' },
    ])
  })

  it('report a quote that is never closed at the row that opens it', async () => {
    await using dataset = await openContent(folder, 'csv', 'prompt,seed\na fox,1\n"an owl,2\na toad,3\n')
    const rows = await collect(dataset.rows())
    expect(rows).toHaveLength(2)
    expect(rows[1]!.error?.message).toMatch(/^Line 3 of .* has a quote that is never closed\.$/)
  })

  it('refuse a header that names a column twice', async () => {
    await expect(openContent(folder, 'csv', 'image,prompt,image\na,b,c\n')).rejects.toThrow(/names the column "image" twice/)
  })

  it('keep columns with odd names', async () => {
    await using dataset = await openContent(folder, 'csv', ',__proto__,prompt\n0,x,a fox\n')
    const [row] = await collect(dataset.rows())
    expect(Object.entries(row!.values)).toEqual([
      ['', '0'],
      ['__proto__', 'x'],
      ['prompt', 'a fox'],
    ])
  })

  it('give back what any CSV writer quoted', async () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'é', '🦊', '"', ',', '\n', '\r', ' ', '\t') })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 200 }), async (records) => {
        const content = ['x,y', ...records.map((fields) => fields.map(quote).join(','))].join('\r\n')
        await using dataset = await openContent(folder, 'csv', content)
        expect(await readAll(dataset)).toEqual(records.map(([x, y]) => ({ x, y })))
      }),
      { numRuns: 100 },
    )
  })

  it('cut a file at the same places as csv-parse, however badly it is quoted', async () => {
    const content = fc.string({ unit: fc.constantFrom('a', '"', '""', ',', '\n'), minLength: 1 })
    await fc.assert(
      fc.asyncProperty(content, async (body) => {
        const options = { relax_quotes: true, relax_column_count: true, skip_empty_lines: true }
        let expected: string[][]
        try {
          expected = parse(`x,y\n1,2\n${body}`, options)
        } catch {
          return
        }
        await using dataset = await openContent(folder, 'csv', `x,y\n1,2\n${body}`)
        const rows = await collect(dataset.rows())
        expect(rows.map(({ values, error }) => (error ? 'ragged' : Object.values(values)))).toEqual(
          expected.slice(1).map((fields) => (fields.length === 2 ? fields : 'ragged')),
        )
      }),
      { numRuns: 500 },
    )
  })
})
