import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect, makeFolder, openContent, readAll } from './temporary-folder.ts'

const folder = makeFolder()

describe('txt', () => {
  it('is one prompt a line without blank lines, line ends and byte order mark', async () => {
    await using dataset = await openContent(folder, 'txt', '\ufeffa fox\r\n\r\n   \n  an owl \na toad')
    expect(await readAll(dataset)).toEqual([{ prompt: 'a fox' }, { prompt: 'an owl' }, { prompt: 'a toad' }])
    const rows = await collect(dataset.rows())
    expect(rows.map(({ position, index, place }) => [position, index, place])).toEqual([
      [0, 0, 'line 1'],
      [1, 1, 'line 4'],
      [2, 2, 'line 5'],
    ])
    expect(dataset.columns).toEqual(['prompt'])
  })

  it('fails a line that is not UTF-8 and goes on', async () => {
    const content = Buffer.concat([Buffer.from('a fox\n'), Buffer.from([0x63, 0x61, 0x66, 0xe9, 10]), Buffer.from('an owl')])
    await using dataset = await openContent(folder, 'txt', content)
    expect(await readAll(dataset)).toEqual([
      { prompt: 'a fox' },
      expect.stringMatching(/^Line 2 of .* is not valid UTF-8\.$/),
      { prompt: 'an owl' },
    ])
  })
})

describe('jsonl', () => {
  it('reads objects and texts, and fails a bad line with its number', async () => {
    await using dataset = await openContent(folder, 'jsonl', '{"prompt":"a fox","seed":3}\n"an owl"\n{"prompt":\n\n7\n["x"]\n')
    const rows = await collect(dataset.rows())
    expect(rows.slice(0, 2).map(({ values }) => values)).toEqual([{ prompt: 'a fox', seed: 3 }, { prompt: 'an owl' }])
    expect(rows.slice(2).map(({ place, error }) => [place, error?.code])).toEqual([
      ['line 3', 'invalid_row'],
      ['line 5', 'invalid_row'],
      ['line 6', 'invalid_row'],
    ])
    expect(rows[3]!.error?.message).toMatch(/^Line 5 of .* should be an object or a text, got a number\.$/)
    expect(await dataset.countRows()).toBe(5)
  })

  it('keeps values exactly, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1 }), async (objects) => {
        const lines = objects.map((object) => JSON.stringify(object))
        await using dataset = await openContent(folder, 'jsonl', lines.join('\n'))
        expect(await readAll(dataset)).toEqual(lines.map((line) => JSON.parse(line)))
      }),
      { numRuns: 50 },
    )
  })
})

describe('json', () => {
  it('reads an array however it is laid out', async () => {
    const content =
      '\ufeff\n[ {"prompt": "a [fox], \\"red\\" \\\\"},\n\n  "an owl, ]" ,\n{"prompt":"a toad", "nested": {"a": [1, {"b": "}"}]}}\n]\n '
    await using dataset = await openContent(folder, 'json', content)
    expect(await readAll(dataset)).toEqual([
      { prompt: 'a [fox], "red" \\' },
      { prompt: 'an owl, ]' },
      { prompt: 'a toad', nested: { a: [1, { b: '}' }] } },
    ])
  })

  it('fails elements that are not rows, each by its number, and reads the others', async () => {
    await using dataset = await openContent(folder, 'json', '["a fox", 7, nonsense, {"prompt": "an owl"}]')
    const rows = await readAll(dataset)
    expect(rows).toHaveLength(4)
    expect(rows[1]).toMatch(/^Row 1 of .* got a number\.$/)
    expect(rows[2]).toMatch(/^Row 2 of .* is not valid JSON/)
    expect(rows[3]).toEqual({ prompt: 'an owl' })
  })

  it('keeps every element, whatever it holds and however it is indented', async () => {
    const elements = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(elements, fc.constantFrom(0, 2, '\t'), async (objects, indent) => {
        const text = JSON.stringify(objects, undefined, indent)
        await using dataset = await openContent(folder, 'json', text)
        expect(await readAll(dataset)).toEqual(JSON.parse(text))
      }),
      { numRuns: 50 },
    )
  })

  it.each([
    ['an object instead of an array', '{"prompt": "a fox"}', /one array of objects or texts; .*--input_format jsonl/],
    ['a torn array', '["a fox", "an o', /never closed/],
    ['text after the array', '["a fox"] "an owl"', /text follows the closing bracket/],
  ])('refuses %s in one sentence', async (_, content, message) => {
    await expect(
      (async () => {
        await using dataset = await openContent(folder, 'json', content)
        await dataset.countRows()
      })(),
    ).rejects.toThrow(message)
  })
})
